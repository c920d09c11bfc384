"""Relaxed discrete latents have a path: they train under the pathwise estimators."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import Trace_ELBO
from torch import nn

from pyrovae.objectives import ELBO, IWAE
from pyrovae.particles.parameters import trainable
from pyrovae.train import SVI

CLASSES, DATA = 3, 5


def _categorical(x, logits, temperature):
    return dist.RelaxedOneHotCategorical(temperature.to(x), logits=logits)


def _categorical_hard(x, logits, temperature):
    return dist.RelaxedOneHotCategoricalStraightThrough(temperature.to(x), logits=logits)


def _bernoulli(x, logits, temperature):
    return dist.RelaxedBernoulli(temperature.to(x), logits=logits).to_event(1)


def _bernoulli_hard(x, logits, temperature):
    return dist.RelaxedBernoulliStraightThrough(temperature.to(x), logits=logits).to_event(1)


SITES = [_categorical, _categorical_hard, _bernoulli, _bernoulli_hard]


def _pair(relaxed, dtype):
    torch.manual_seed(3)
    encoder, decoder = nn.Linear(DATA, CLASSES).to(dtype), nn.Linear(CLASSES, DATA).to(dtype)
    temperature = torch.tensor(0.6)

    def model(x):
        pyro.module("decoder", decoder)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", relaxed(x, x.new_zeros(CLASSES), temperature))
            pyro.sample("x", dist.Normal(decoder(z), 0.5).to_event(1), obs=x)

    def guide(x):
        pyro.module("encoder", encoder)
        with pyro.plate("data", len(x)):
            pyro.sample("z", relaxed(x, encoder(x), temperature))

    centres = 2 * torch.randn(CLASSES, DATA, dtype=dtype)
    x = centres.repeat(8, 1) + 0.3 * torch.randn(8 * CLASSES, DATA, dtype=dtype)
    return model, guide, x


@pytest.mark.parametrize("objective", [ELBO(1), ELBO(4), IWAE(4)], ids=repr)
@pytest.mark.parametrize("relaxed", SITES)
def test_trains(relaxed, objective):
    model, guide, x = _pair(relaxed, torch.float32)
    site = objective.draw(model, guide, x).guide_sites["z"]
    assert site.has_rsample
    leaves = trainable(model, guide, x)
    svi = SVI(model, guide, pyro.optim.Adam({"lr": 0.03}), objective)
    losses = [svi.step(x) for _ in range(120)]
    assert sum(losses[-20:]) < 0.8 * sum(losses[:20])
    assert all(leaf.isfinite().all() for leaf in leaves.values())


@pytest.mark.parametrize("relaxed", SITES)
def test_value_and_gradient_are_pyros(relaxed):
    model, guide, x = _pair(relaxed, torch.float64)
    leaves = trainable(model, guide, x)
    found = []
    for objective in (ELBO(1), Trace_ELBO()):
        pyro.set_rng_seed(5)
        loss = objective.differentiable_loss(model, guide, x)
        found.append((loss.detach(), *torch.autograd.grad(loss, list(leaves.values()))))
    torch.testing.assert_close(*found)
    assert found[0][1:][0].abs().sum() > 0


@pytest.mark.parametrize("relaxed", [_categorical_hard, _bernoulli_hard])
def test_straight_through_draws_are_discrete(relaxed):
    model, guide, x = _pair(relaxed, torch.float64)
    z = IWAE(3).draw(model, guide, x).latents["z"]
    assert ((z == 0) | (z == 1)).all() and z.requires_grad
