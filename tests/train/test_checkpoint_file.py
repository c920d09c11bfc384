"""The file of a checkpoint: written whole, and refused where it is damaged."""

import json
import math

import pyro
import pytest
import torch
from safetensors.torch import load_file, save, save_file
from torch import nn

from pyrovae.errors import CheckpointError
from pyrovae.objectives import ELBO
from pyrovae.train import fit, load_checkpoint
from pyrovae.train.checkpoint_file import read_checkpoint, write_checkpoint
from tests.train.pairs import QUIET, networks, pair, same, state, x_of


@pytest.fixture
def trained(tmp_path):
    nets = networks()
    fit(*pair(*nets), x_of(), objective=ELBO(), epochs=2, val=x_of(5), run_dir=tmp_path, **QUIET)
    pyro.clear_param_store()
    return tmp_path / "last.safetensors", state(nets)


def refused(path, nets, message):
    before = state(nets)
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(path, *pair(*nets), x_of())
    assert same(before, state(nets))


def test_holds_tensors_by_name_and_plain_json(trained):
    path, _ = trained
    tensors, meta = read_checkpoint(path)
    assert "parameters/encoder$$$0.weight" in tensors
    assert "optimizer/encoder$$$0.weight/exp_avg" in tensors
    assert "rng/torch" in tensors
    json.dumps(meta)
    assert load_file(path).keys() == tensors.keys()  # any reader of safetensors reads it


def test_every_dtype_and_layout_comes_back(tmp_path):
    path = tmp_path / "x.safetensors"
    base = torch.arange(24.0).view(2, 3, 4)
    tensors = {
        "scalar": torch.tensor(1.5),
        "empty": torch.zeros(0, 3),
        "bool": torch.tensor([True, False]),
        "int64": torch.tensor([2**40]),
        "bfloat16": torch.tensor([1.25], dtype=torch.bfloat16),
        "float64": torch.tensor([math.pi], dtype=torch.float64),
        "strided": base.transpose(0, 2),
        "view": base[1],
        "shared": base,
        "channels_last": torch.rand(2, 3, 4, 5).to(memory_format=torch.channels_last),
        "leaf": nn.Parameter(torch.rand(2)),
        "nan": torch.tensor([math.nan, math.inf]),
    }
    write_checkpoint(path, tensors, {"a": [1, None, 0.1]})
    found, meta = read_checkpoint(path)
    assert meta["a"] == [1, None, 0.1]
    for name, tensor in tensors.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name].nan_to_num(), tensor.detach().nan_to_num()), name


def test_no_such_file(tmp_path):
    refused(tmp_path / "none.safetensors", networks(5), "no such file")
    refused(tmp_path, networks(6), "no such file")


@pytest.mark.parametrize("keep", [0, 4, 100, -1])
def test_a_truncated_file(trained, keep):
    path, _ = trained
    path.write_bytes(path.read_bytes()[:keep])
    refused(path, networks(5), "damaged")


def test_a_file_with_one_bit_turned(trained):
    path, _ = trained
    content = bytearray(path.read_bytes())
    for place in (len(content) - 3, len(content) // 2, content.index(b'\\"step\\": ') + 10):
        damaged = bytearray(content)
        damaged[place] ^= 1
        path.write_bytes(damaged)
        refused(path, networks(5), "damaged")


def test_a_file_of_something_else(tmp_path):
    path = tmp_path / "x.safetensors"
    save_file({"weight": torch.zeros(2)}, path)
    refused(path, networks(5), "no checkpoint of this library")
    torch.save({"weight": torch.zeros(2)}, path)
    refused(path, networks(6), "damaged, or no safetensors")


def test_a_file_of_a_later_version(tmp_path):
    path = tmp_path / "x.safetensors"
    path.write_bytes(
        save({"a": torch.zeros(1)}, metadata={"format": "pyrovae-checkpoint", "version": "9"})
    )
    refused(path, networks(5), "version '9', this library reads version 2")


def test_a_write_that_fails_leaves_the_old_file(trained, monkeypatch):
    path, _ = trained
    before = path.read_bytes()

    def full(file):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(CheckpointError, match="No space left on device.*make room"):
        write_checkpoint(path, {"a": torch.zeros(1)}, {})
    assert path.read_bytes() == before
