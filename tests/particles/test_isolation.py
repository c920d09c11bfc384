"""Runs without side effects."""

import random

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from torch import nn

from pyrovae.objectives import ELBO
from pyrovae.particles import plate_nesting
from pyrovae.particles.isolation import isolated
from pyrovae.particles.parameters import buffers, trainable
from tests.particles.network_pairs import X, guide_of, model_of


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


class Codebook(nn.Module):
    """Replaces its buffer at every call, as moving averages are often written."""

    def __init__(self):
        super().__init__()
        self.net = nn.Linear(3, 4)
        self.register_buffer("count", torch.zeros(()))
        self.register_buffer("absent", None)

    def forward(self, x):
        self.count = self.count + 1
        return self.net(x)


class TestIsolated:
    @pytest.mark.parametrize("call", [trainable, plate_nesting, buffers])
    def test_buffers_that_are_updated_or_replaced_stay(self, call):
        norm, codebook = nn.BatchNorm1d(3), Codebook()
        kept = norm.running_mean, codebook.count
        call(model_of(nn.Linear(2, 3)), guide_of(nn.Sequential(norm, codebook)), X)
        assert norm.running_mean is kept[0]
        assert codebook.count is kept[1]
        assert (norm.running_mean == 0).all()
        assert codebook.count == 0
        assert norm.num_batches_tracked == 0

    def test_vectorised_particles_run_a_network_once_per_step(self):
        norm = nn.BatchNorm1d(3)
        pair = model_of(nn.Linear(2, 3)), guide_of(nn.Sequential(norm, nn.Linear(3, 4)))
        ELBO(3).loss_and_grads(*pair, X)
        assert norm.num_batches_tracked == 1

    def test_random_streams_and_handlers_stay(self):
        def draws():
            return torch.rand(()).item(), np.random.rand(), random.random()

        pyro.set_rng_seed(4)
        expected = draws()
        pyro.set_rng_seed(4)
        with pyro.plate("outer", 3), isolated():
            draws()
            assert pyro.sample("a", dist.Normal(0.0, 1.0)).shape == ()
        assert draws() == expected

    def test_after_an_error_too(self):
        norm = nn.BatchNorm1d(3)
        state = torch.get_rng_state()
        hooks = len(nn.modules.module._global_forward_pre_hooks)
        with pytest.raises(RuntimeError), isolated():
            norm(torch.randn(5, 3))
            raise RuntimeError
        assert norm.num_batches_tracked == 0
        assert torch.equal(state, torch.get_rng_state())
        assert len(nn.modules.module._global_forward_pre_hooks) == hooks

    def test_yields_the_outermost_networks(self):
        inner = nn.Linear(3, 3)
        outer, alone = nn.Sequential(inner, nn.Tanh()), nn.Linear(3, 2)
        with isolated() as networks:
            alone(outer(X))
        assert networks == [outer, alone]
