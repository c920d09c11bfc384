"""Runs that leave no trace of themselves, and whose tensors a pair computes with."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from torch import nn

from pyrovae.particles.handlers import without_observations
from pyrovae.particles.isolation import isolated
from pyrovae.particles.own_parameters import captured_parameters
from pyrovae.particles.traces import sample_sites
from pyrovae.particles.tracing import Pair, counted, record

X = torch.tensor([0.5, -1.0, 2.0])


def model(x):
    with pyro.plate("data", len(x)):
        z = pyro.sample("z", dist.Normal(0.0, 1.0))
        pyro.deterministic("twice", 2 * z, event_dim=0)
        pyro.sample("x", dist.Normal(z, 1.0), obs=x)


def guide(x):
    scale = pyro.param("scale", torch.tensor(0.7), constraint=dist.constraints.positive)
    with pyro.plate("data", len(x)):
        pyro.sample("z", dist.Normal(x, scale))


def test_the_model_is_replayed_against_the_guide():
    guide_trace, model_trace = Pair(model, guide, (X,), {}).trace()
    assert model_trace.nodes["z"]["value"] is guide_trace.nodes["z"]["value"]
    assert list(sample_sites(model_trace)) == ["z", "x"], "no plate, no deterministic site"


def test_all_is_as_it_was():
    network = nn.BatchNorm1d(1)
    before = {k: v.clone() for k, v in network.state_dict().items()}
    state = torch.get_rng_state()
    with poutine.trace() as outer, isolated() as ran:
        network(torch.randn(4, 1))
        pyro.sample("z", dist.Normal(0.0, 1.0))
    assert ran == [network]
    assert torch.equal(state, torch.get_rng_state())
    assert "z" not in outer.trace
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_all_is_as_it_was_after_an_error_too():
    state = torch.get_rng_state()
    with pytest.raises(ZeroDivisionError), isolated():
        torch.randn(3)
        _ = 1 / 0
    assert torch.equal(state, torch.get_rng_state())
    assert not pyro.poutine.runtime._PYRO_STACK


def test_leaves_are_unconstrained_and_named():
    with captured_parameters() as leaves:
        guide(X)
    assert list(leaves) == ["scale"]
    assert leaves["scale"].is_leaf
    torch.testing.assert_close(leaves["scale"].exp().detach(), torch.tensor(0.7))


def test_a_model_without_observations_draws_them():
    drawn = record(without_observations(model), (X,), {}).nodes["x"]
    assert drawn["infer"]["was_observed"]
    assert not torch.equal(drawn["value"], X)


def test_runs_of_the_model_are_counted():
    watched, counts = counted(model)
    Pair(watched, guide, (X,), {}).trace()
    Pair(watched, guide, (X,), {}).trace(num_particles=5, depth=1)
    assert sum(counts) / counts[0] == 6
