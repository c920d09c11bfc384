"""Checkpoints are checked whole before anything is loaded into a pair."""

from functools import partial

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import nn

from pyrovae import log_evidence
from pyrovae.errors import CheckpointError
from pyrovae.objectives import ELBO
from pyrovae.train import fit, load_checkpoint
from pyrovae.train.step import compiled
from tests.train.pairs import QUIET, networks, pair, same, state, x_of


@pytest.fixture
def trained(tmp_path):
    nets = networks()
    fit(*pair(*nets), x_of(), objective=ELBO(), epochs=2, val=x_of(5), run_dir=tmp_path, **QUIET)
    pyro.clear_param_store()
    return tmp_path / "last.safetensors", state(nets)


def test_loads_into_a_fresh_pair(trained):
    path, expected = trained
    nets = networks(5)
    meta = load_checkpoint(path, *pair(*nets), x_of(3))
    assert same(expected, state(nets))
    assert meta["epoch"] == 3 and len(meta["history"]) == 2
    assert meta["versions"]["torch"] == torch.__version__


def test_loads_parameters_that_exist_in_functions_only(tmp_path):
    def model(x):
        scale = pyro.param("scale", torch.tensor(2.0), constraint=dist.constraints.positive)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(0.0, 1.0))
            pyro.sample("x", dist.Normal(z, scale), obs=x[:, 0])

    def guide(x):
        loc = pyro.param("loc", torch.zeros(()))
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(loc, 1.0))

    fit(model, guide, x_of(), objective=ELBO(), epochs=2, lr=0.1, run_dir=tmp_path, **QUIET)
    expected = {name: pyro.param(name).detach().clone() for name in ("scale", "loc")}
    pyro.clear_param_store()
    load_checkpoint(tmp_path / "best.safetensors", model, guide, x_of())
    assert all(torch.equal(pyro.param(name), value) for name, value in expected.items())


def test_buffers_are_loaded_too(tmp_path):
    encoder = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4))
    decoder = nn.Linear(2, 6)
    fit(*pair(encoder, decoder), x_of(), objective=ELBO(), epochs=2, run_dir=tmp_path, **QUIET)
    expected = state((encoder, decoder))
    pyro.clear_param_store()
    nets = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4)), nn.Linear(2, 6)
    load_checkpoint(tmp_path / "last.safetensors", *pair(*nets), x_of())
    assert same(expected, state(nets))
    assert nets[0][1].num_batches_tracked == 2


class Scaled(nn.Module):
    """One number that is seen six times."""

    def __init__(self, scale):
        super().__init__()
        self.net = nn.Linear(2, 6)
        self.register_buffer("scale", torch.tensor([scale]).expand(6))

    def forward(self, z):
        return self.scale * self.net(z)


@pytest.mark.parametrize("compile", [False, True])
def test_an_expanded_buffer_is_trained_with_measured_and_resumed(tmp_path, monkeypatch, compile):
    monkeypatch.setattr(compiled, "Captured", partial(compiled.Captured, compiler=None))
    encoder = networks()[0]
    options = {"objective": ELBO(), "run_dir": tmp_path, "compile": compile, **QUIET}
    fit(*pair(encoder, Scaled(2.0)), x_of(), epochs=1, **options)
    pyro.clear_param_store()
    nets = networks(5)[0], Scaled(3.0)
    load_checkpoint(tmp_path / "last.safetensors", *pair(*nets), x_of())
    assert torch.equal(nets[1].scale, torch.full((6,), 2.0)) and nets[1].scale.stride() == (0,)
    fit(*pair(*nets), x_of(), epochs=2, resume=True, **options)
    assert log_evidence(*pair(*nets), x_of(), num_particles=3).log_px.isfinite().all()


def refused(path, nets, message):
    before = state(nets)
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(path, *pair(*nets), x_of())
    assert same(before, state(nets))


def test_another_pair_is_named_by_what_differs(trained):
    path, _ = trained
    larger = (
        nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 4)),
        nn.Linear(2, 6, bias=False),
    )
    refused(path, larger, r"parameters that the pair lacks: decoder\$\$\$bias")
    pyro.clear_param_store()
    deeper = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 4), nn.Linear(4, 4))
    refused(path, (deeper, nn.Linear(2, 6)), r"that the checkpoint lacks: encoder\$\$\$3.bias")
    pyro.clear_param_store()
    wider = nn.Sequential(nn.Linear(6, 7), nn.Tanh(), nn.Linear(7, 4)), nn.Linear(2, 6)
    refused(path, wider, r"float32 \[5, 6\] in the checkpoint and float32 \[7, 6\] in the pair")
    pyro.clear_param_store()
    normed = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 4), nn.BatchNorm1d(4))
    refused(path, (normed, nn.Linear(2, 6)), "buffers that the checkpoint lacks")


def test_another_dtype_is_refused(trained):
    path, _ = trained
    nets = networks(5)

    def double(x):
        return x.double()

    model, guide = pair(*(net.double() for net in nets))
    with pytest.raises(CheckpointError, match="float32 .* and float64"):
        load_checkpoint(path, lambda x: model(double(x)), lambda x: guide(double(x)), x_of())


@pytest.mark.filterwarnings("ignore:.*not registered in the param store because requires_grad")
@pytest.mark.parametrize(
    ("frozen", "loads_into_frozen"),
    [("encoder", True), ("weights of both", True), ("weights of both", False)],
)
def test_what_is_frozen_is_kept_too(frozen, loads_into_frozen, tmp_path):
    def made(seed, freeze):
        nets = networks(seed)
        for net in nets[:1] if frozen == "encoder" else nets:
            for name, parameter in net.named_parameters():
                if frozen == "encoder" or "weight" in name:
                    parameter.requires_grad_(not freeze)
        return nets

    nets = made(0, True)
    fit(*pair(*nets), x_of(), objective=ELBO(), epochs=2, run_dir=tmp_path, **QUIET)
    pyro.clear_param_store()
    others = made(5, loads_into_frozen)
    load_checkpoint(tmp_path / "last.safetensors", *pair(*others), x_of(3))
    assert same(state(nets), state(others))


def test_parts_that_fit_are_loaded(trained):
    path, expected = trained
    encoder, _ = networks(5)
    decoder = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 6))
    own = state([decoder])
    meta = load_checkpoint(path, *pair(encoder, decoder), x_of(3), strict=False)
    assert meta["kept"] == ["decoder"]
    assert same(own, state([decoder])) and same(expected[:4], state([encoder]))
