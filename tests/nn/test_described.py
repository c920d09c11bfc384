"""A plain value in the state of a network: carried everywhere, and refused where another is."""

import copy
import math
import pickle

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import nn

import pyrovae
from pyrovae.errors import CheckpointError, ConfigError
from pyrovae.nn import Described
from pyrovae.runtime.plain_json import difference, plain, to_json
from pyrovae.train import fit, load_checkpoint, save


class Pair(nn.Module):
    def __init__(self, *symbols, size=2):
        super().__init__()
        self.vocabulary = Described({"unit": "word", "symbols": symbols})
        self.loc = nn.Linear(3, size)

    def model(self, x):
        pyro.module("pair", self)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(2), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(z.sum(-1, keepdim=True), 1.0).to_event(1), obs=x)

    def guide(self, x):
        pyro.module("pair", self)
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(self.loc(x)[..., :2], 1.0).to_event(1))


X = torch.zeros(4, 3)
OTHER = "vocabulary of the file is another one than that of the pair: symbols has gained 'c'"


@pytest.mark.parametrize(
    "move",
    [
        copy.deepcopy,
        nn.Module.double,
        nn.Module.half,
        lambda pair: pair.to(torch.bfloat16),
        lambda pair: pickle.loads(pickle.dumps(pair)),
        lambda pair: pair.to("cpu"),
    ],
)
def test_stays_what_it_is(move):
    moved = move(Pair("a", "é"))
    assert moved.vocabulary.value == {"unit": "word", "symbols": ["a", "é"]}
    kept = moved.state_dict()["vocabulary.as_json"]
    assert kept.dtype == torch.uint8
    assert bytes(kept.tolist()).decode() == to_json(moved.vocabulary.value)


def test_meta_device():
    pair = Pair("a").to("meta")
    assert pair.vocabulary.as_json.is_meta
    pair.load_state_dict(Pair("a").state_dict(), assign=True)
    assert not pair.vocabulary.as_json.is_meta
    with pytest.raises(RuntimeError, match="symbols has lost 'b'"):
        Pair("a").to("meta").load_state_dict(Pair("a", "b").state_dict(), assign=True)


def test_load_state_dict():
    saved = Pair("a", "b").state_dict()
    Pair("a", "b").load_state_dict(saved)
    for strict in (True, False):
        with pytest.raises(RuntimeError, match="symbols has gained 'c'"):
            Pair("a", "b", "c").load_state_dict(saved, strict=strict)


def test_file_of_save(tmp_path):
    path = tmp_path / "pair.safetensors"
    save(path, Pair("a", "b"))
    pyrovae.load(path, Pair("a", "b"))
    own = Pair("a", "b", "c", size=4)
    before = own.loc.weight.clone()
    with pytest.raises(CheckpointError, match=OTHER):
        pyrovae.load(path, own)
    with pytest.raises(CheckpointError, match=OTHER):
        pyrovae.load(path, own, batch=X)
    with pytest.raises(CheckpointError, match="symbols has lost 'b' and has gained 'x'"):
        pyrovae.load(path, Pair("a", "x"))  # as many bytes
    assert torch.equal(own.loc.weight, before)


def test_checkpoints_of_fit(tmp_path):
    options = {"epochs": 1, "batch_size": 4, "run_dir": tmp_path, "seed": 0, "device": "cpu"}
    pair = Pair("a", "b")
    fit(pair.model, pair.guide, X, **options)
    last = tmp_path / "last.safetensors"
    same, other = Pair("a", "b"), Pair("a", "b", "c")
    load_checkpoint(last, same.model, same.guide, X)
    with pytest.raises(CheckpointError, match=OTHER):
        load_checkpoint(last, other.model, other.guide, X)
    with pytest.raises(CheckpointError, match=OTHER):
        pyrovae.load(tmp_path, other, which="last")
    with pytest.raises(CheckpointError, match=OTHER):
        fit(other.model, other.guide, X, **{**options, "epochs": 2}, resume=True)
    swapped = Pair("b", "a")
    kept = load_checkpoint(last, swapped.model, swapped.guide, X, strict=False)["kept"]
    assert kept == ["vocabulary"]


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, object(), {1: "a"}, torch.zeros(2), b"a", {"a": {"b": {1}}}]
)
def test_what_json_has_no_place_for(value):
    with pytest.raises(ConfigError, match="Described: the value"):
        Described({"symbols": value})


@pytest.mark.parametrize(
    ("kept", "now", "told"),
    [
        ({"a": 1}, {"a": 1.0}, "a was 1 and is now 1.0"),
        ({"a": True}, {"a": 1}, "a was True and is now 1"),
        ({"a": 1}, {}, "a is not there any more"),
        ({}, {"a": 1}, "a is new"),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, "it has another order, from b on"),
        ([1, 2], [2, 1], "it has another order, from entry 0 on"),
        ([1, 1], [1], "it had 2 entries and has now 1"),
        ([{"name": "age", "kind": "real"}], [{"name": "age", "kind": "count"}],
         "[age].kind was 'real' and is now 'count'"),
        ({"a": [1]}, {"a": None}, "a was [1] and is now None"),
        ("x" * 1000, "y", f"it was '{'x' * 59}... and is now 'y'"),
        ({str(i): 1 for i in range(9)}, {}, "0 is not there any more; 1 is not there any more; "
         "2 is not there any more; and 6 more"),
        ([], [], "nothing"),
    ],
)  # fmt: skip
def test_difference_in_words(kept, now, told):
    assert difference(plain(kept), plain(now)) == told
