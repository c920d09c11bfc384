"""A file that does not fit a pair says why, and changes nothing in it."""

import json

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.distributions import constraints
from pyro.nn import PyroModule, PyroParam
from safetensors.torch import save_file
from torch import nn

import pyrovae
from pyrovae import models
from pyrovae.errors import CheckpointError
from pyrovae.train.checkpoint_file import read_checkpoint, write_checkpoint
from tests.train.pairs import networks, pair, same, state
from tests.train.saved_pairs import STYLES, Both, values


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "pair"
    pyrovae.save(path, *pair(*networks()))
    return path


def refused(path, nets, message):
    before = state(nets)
    with pytest.raises(CheckpointError, match=message) as caught:
        pyrovae.load(path, *pair(*nets))
    assert same(before, state(nets))
    return str(caught.value)


def test_another_pair_is_named_by_what_differs(saved):
    encoder, decoder = networks(5)
    no_bias = nn.Linear(2, 6, bias=False)
    refused(saved, (encoder, no_bias), "what the pair lacks: 'model.decoder.bias'. Build the pair")
    deeper = nn.Sequential(*encoder, nn.Linear(4, 4))
    refused(saved, (deeper, decoder), "what the file lacks: 'guide.encoder.3.bias', ")
    wider = nn.Sequential(nn.Linear(6, 7), nn.Tanh(), nn.Linear(7, 4))
    refused(saved, (wider, decoder), r"float32 \[5, 6\] in the file and float32 \[7, 6\] in ")
    normed = nn.Sequential(*encoder, nn.BatchNorm1d(4))
    refused(saved, (normed, decoder), "what the file lacks: .*running_mean")
    refused(saved, (encoder.double(), decoder), "float32 .* and float64")


def test_many_names_are_counted(tmp_path):
    made = nn.Sequential(*(nn.Linear(1, 1) for _ in range(20)))
    pyrovae.save(tmp_path / "pair", made.forward, made.forward)
    other = nn.Sequential(nn.Linear(1, 1))
    with pytest.raises(CheckpointError, match="and 32 more. Build") as caught:
        pyrovae.load(tmp_path / "pair", other.forward, other.forward)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("where", [0, 4, 100, -1])
def test_a_truncated_file(saved, where):
    saved.write_bytes(saved.read_bytes()[:where])
    refused(saved, networks(5), "damaged")


def test_a_file_with_one_bit_turned(saved):
    content = bytearray(saved.read_bytes())
    for place in (len(content) - 3, content.index(b"absent"), 12):
        turned = bytearray(content)
        turned[place] ^= 1
        saved.write_bytes(turned)
        refused(saved, networks(5), "damaged")


def test_what_is_no_file_of_this_library(tmp_path, saved):
    refused(tmp_path / "none", networks(5), "no such file.*pyrovae.save")
    path = tmp_path / "other"
    save_file({"weight": torch.zeros(2)}, path)
    refused(path, networks(5), "no checkpoint of this library")
    torch.save({"weight": torch.zeros(2)}, path)
    refused(path, networks(5), "damaged, or no safetensors")
    with pytest.raises(CheckpointError, match="is no file or folder; name a run folder, or give"):
        pyrovae.load(tmp_path / "none")
    with pytest.raises(CheckpointError, match="holds tensors and no configuration; .*load.file, "):
        pyrovae.load(saved)


def limited(constraint, start=0.5):
    def model(x):
        scale = pyro.param("scale", torch.tensor(start), constraint=constraint)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(0.0, 1.0))
            pyro.sample("x", dist.Normal(z, scale), obs=x[:, 0])

    def guide(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(0.0, 1.0))

    return Both(model, guide)


def test_a_value_under_another_constraint_is_refused(tmp_path):
    values(made := limited(constraints.positive))
    pyrovae.save(tmp_path / "pair", made)
    pyro.clear_param_store()
    values(other := limited(constraints.unit_interval))
    leaf = pyro.get_param_store()._params["scale"]
    before = leaf.item()
    with pytest.raises(
        CheckpointError, match=r"GreaterThan\(lower_bound=0.0\) in the file and Interval\("
    ):
        pyrovae.load(tmp_path / "pair", other)
    assert leaf.item() == before


def test_a_pyro_param_under_another_constraint_is_refused(tmp_path):
    class Scaled(PyroModule):
        def __init__(self, constraint):
            super().__init__()
            self.scale = PyroParam(torch.tensor(0.5), constraint)

        def forward(self, x):
            return x * self.scale

    def made(constraint):
        return Scaled(constraint), Scaled(constraint)

    pyrovae.save(tmp_path / "pair", *made(constraints.positive))
    with pytest.raises(CheckpointError, match="'.*scale_unconstrained' has the constraint Great"):
        pyrovae.load(tmp_path / "pair", *made(constraints.unit_interval))
    pyrovae.load(tmp_path / "pair", *made(constraints.greater_than(0.0)))


class Above(constraints.Constraint):
    """A user's own constraint."""

    event_dim = 0

    def check(self, value):
        return value > 0


@torch.distributions.biject_to.register(Above)
@torch.distributions.transform_to.register(Above)
def _to_above(constraint):
    return torch.distributions.transforms.ExpTransform()


def test_a_constraint_of_ones_own_takes_a_run(tmp_path):
    expected = values(made := limited(Above()))
    pyrovae.save(tmp_path / "pair", made)
    pyro.clear_param_store()
    other = limited(Above(), 2.0)
    with pytest.raises(CheckpointError, match="the constraint .*Above, which a file cannot make"):
        pyrovae.load(tmp_path / "pair", other)
    values(other)
    pyrovae.load(tmp_path / "pair", other)
    assert torch.equal(values(other)["scale"], expected["scale"])


def test_params_that_the_code_does_not_declare_are_named(tmp_path):
    values(made := STYLES["constrained_functions"](0))
    pyrovae.save(tmp_path / "pair", made)
    pyro.clear_param_store()
    other = limited(constraints.positive)
    with pytest.raises(CheckpointError, match="what the pair lacks: 'a.b/c.*'below'.*'loc'"):
        pyrovae.load(tmp_path / "pair", other)
    assert list(pyro.get_param_store().keys()) == []
    values(other)
    pyrovae.save(tmp_path / "small", other)
    pyro.clear_param_store()
    with pytest.raises(CheckpointError, match="what the file lacks: 'a.b/c.*'below'.*'loc'"):
        pyrovae.load(tmp_path / "small", made)
    assert list(pyro.get_param_store().keys()) == []


def test_a_value_of_another_pair_in_the_store_is_named(tmp_path):
    values(made := limited(constraints.positive))
    pyrovae.save(tmp_path / "pair", made)
    pyro.clear_param_store()
    pyro.param("scale", torch.ones(3), constraint=constraints.positive)
    with pytest.raises(CheckpointError, match=r"float32 \[3\] in Pyro's store.*clear_param_store"):
        pyrovae.load(tmp_path / "pair", made)


def forge(path, change):
    tensors, meta = read_checkpoint(path)
    change(tensors, meta)
    del meta["versions"]
    write_checkpoint(path, tensors, json.loads(json.dumps(meta)))


def limit(words):
    return lambda tensors, meta: meta["pair"]["constraints"].update({"store/scale": words})


FORGED = {
    "no pair": lambda tensors, meta: meta.pop("pair"),
    "a pair of something": lambda tensors, meta: meta.update(pair=[1]),
    "no list": lambda tensors, meta: meta["pair"].update(absent=3),
    "no constraints": lambda tensors, meta: meta["pair"].update(constraints=None),
    "a constraint of nothing": limit(None),
    "a constraint of a list": limit([1]),
    "a constraint without a kind": limit({"lower_bound": 0.0}),
    "a constraint of another kind": limit({"kind": "os.system", "command": "true"}),
    "a constraint of other arguments": limit({"kind": "GreaterThan", "command": 1}),
    "a constraint of no number": limit({"kind": "GreaterThan", "lower_bound": "x"}),
    "a constraint of no value": limit({"kind": "GreaterThan", "lower_bound": {"kind": "y"}}),
    "a constraint of no dtype": limit(
        {"kind": "GreaterThan", "lower_bound": {"values": [1.0], "dtype": "load"}}
    ),
    "a constraint of uneven numbers": limit(
        {"kind": "GreaterThan", "lower_bound": {"values": [[1.0], 2.0], "dtype": "float32"}}
    ),
    "a constraint of negative dims": limit(
        {"kind": "IndependentConstraint", "base_constraint": {"kind": "Real"},
         "reinterpreted_batch_ndims": -1}
    ),
    "a constraint of another shape": limit({"kind": "CorrCholesky"}),
    "whole numbers": lambda tensors, meta: tensors.update({"store/scale": torch.tensor(3)}),
    "one more": lambda tensors, meta: tensors.update({"held/more": torch.tensor(3.0)}),
    "one more value": lambda tensors, meta: tensors.update({"store/more": torch.tensor(3.0)}),
}  # fmt: skip


@pytest.mark.parametrize("how", FORGED)
def test_what_a_forger_writes_is_refused(how, tmp_path):
    path = tmp_path / "pair"
    values(made := limited(constraints.positive))
    pyrovae.save(path, made)
    forge(path, FORGED[how])
    pyro.clear_param_store()
    with pytest.raises(CheckpointError, match=str(path)):
        pyrovae.load(path, made)
    assert list(pyro.get_param_store().keys()) == []


def test_a_pair_file_is_no_run(tmp_path):
    pyrovae.save(tmp_path / "last.safetensors", models.VAE((6,), 2))
    with pytest.raises(CheckpointError, match="'pair' of a run, in the place of 'last'"):
        pyrovae.load(tmp_path, models.VAE((6,), 2), which="last")
