"""The negative binomial against scipy, a mixture of Poissons, and its limit."""

import itertools

import pyro.distributions as dist
import pytest
import scipy.stats
import torch

from pyrovae.distributions.negative_binomial import NegativeBinomial
from pyrovae.distributions.poisson import Poisson

MEANS, THETAS = (1e-6, 0.4, 3.0, 1e3, 1e6), (1e-3, 0.5, 1.0, 20.0, 1e4)
GRID = torch.tensor(list(itertools.product(MEANS, THETAS)), dtype=torch.float64)
COUNTS = torch.tensor([0, 1, 2, 15, 16, 17, 1000, 10**6], dtype=torch.float64)


def made(grid=GRID):
    mean, theta = grid.log().unbind(1)
    return NegativeBinomial(mean[:, None], theta[:, None])


def exact(grid, x):
    mean, theta = (p.numpy()[:, None] for p in grid.double().unbind(1))
    found = scipy.stats.nbinom.logpmf(x.double().numpy(), theta, theta / (theta + mean))
    return torch.from_numpy(found)


def test_equals_scipy():
    torch.testing.assert_close(made().log_prob(COUNTS), exact(GRID, COUNTS), rtol=1e-8, atol=1e-6)


def test_sums_to_one():
    grid = GRID[(GRID[:, 0] < 5) & (GRID[:, 1] > 0.1)]
    total = made(grid).log_prob(torch.arange(2000.0).double()).exp().sum(1)
    torch.testing.assert_close(total, torch.ones(len(grid)).double(), rtol=0, atol=1e-10)


def test_becomes_the_poisson():
    log_mean = torch.tensor([0.4, 3.0, 1e3]).double().log()[:, None]
    found = NegativeBinomial(log_mean, torch.tensor(40.0).double()).log_prob(COUNTS)
    torch.testing.assert_close(found, Poisson(log_mean).log_prob(COUNTS), rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("theta", [1.0, 100.0, 1e4, 1e6])
def test_a_million_counts_in_single_precision(theta):
    """Within three standard deviations, where Pyro's is off by up to a nat."""
    log_mean, log_theta = torch.tensor(1e6).log(), torch.tensor(theta).log()
    spread = (1e6 + 1e12 / theta) ** 0.5
    x = (1e6 + spread * torch.linspace(-0.9, 3, 41)).round()
    grid = torch.stack([log_mean, log_theta]).double().exp()[None]
    off = (NegativeBinomial(log_mean, log_theta).log_prob(x).double() - exact(grid, x)[0]).abs()
    assert off.max() < 1e-2
    if theta == 1e6:
        pyros = dist.NegativeBinomial(log_theta.exp(), logits=log_mean - log_theta)
        assert (pyros.log_prob(x).double() - exact(grid, x)[0]).abs().max() > 0.1


@pytest.mark.parametrize("count", [0.0, 1.0, 30.0])
def test_gradients_equal_those_of_pyro(count):
    """Where that is exact."""
    parameters = [GRID[:, i].log().requires_grad_() for i in (0, 1)]
    x = torch.full((len(GRID),), count).double()
    ours = NegativeBinomial(*parameters).log_prob(x).sum()
    log_mean, log_theta = parameters
    theirs = dist.NegativeBinomial(log_theta.exp(), logits=log_mean - log_theta).log_prob(x).sum()
    for own, other in zip(
        torch.autograd.grad(ours, parameters), torch.autograd.grad(theirs, parameters), strict=True
    ):
        torch.testing.assert_close(own, other, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("log_theta", [-150.0, -60.0, 20.0, 80.0])
def test_extreme_dispersions_in_single_precision(log_theta):
    log_mean = torch.tensor([-60.0, 0.0, 20.0], requires_grad=True)
    spread = torch.tensor(log_theta, requires_grad=True)
    for count in (0.0, 1.0, 1e6):
        log_prob = NegativeBinomial(log_mean, spread).log_prob(torch.full((3,), count))
        grads = torch.autograd.grad(log_prob.sum(), [log_mean, spread])
        assert log_prob.isfinite().all() and all(g.isfinite().all() for g in grads)
        assert (log_prob <= 1e-3).all()
