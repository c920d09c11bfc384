"""The beta-binomial against scipy, and its limit."""

import itertools

import numpy as np
import pyro.distributions as dist
import pytest
import scipy.stats
import torch

from pyrovae.distributions.beta_binomial import BetaBinomial, beta_draw

LOGITS, CONCENTRATIONS = (-8.0, -1.0, 0.0, 3.0), (1e-3, 0.5, 2.0, 50.0, 1e4)
GRID = torch.tensor(list(itertools.product(LOGITS, CONCENTRATIONS)), dtype=torch.float64)


def made(n, grid=GRID):
    return BetaBinomial(n, grid[:, :1], grid[:, 1:].log())


@pytest.mark.parametrize("n", [1, 16, 1000])
def test_equals_scipy_and_sums_to_one(n):
    x = torch.arange(n + 1.0).double()
    p, c = 1 / (1 + np.exp(-GRID[:, :1].numpy())), GRID[:, 1:].numpy()
    expected = scipy.stats.betabinom.logpmf(x.numpy(), n, c * p, c * (1 - p))
    found = made(n).log_prob(x)
    torch.testing.assert_close(found, torch.from_numpy(expected), rtol=1e-8, atol=1e-7)
    torch.testing.assert_close(found.exp().sum(1), torch.ones(len(GRID)).double())


def test_moments_are_sums():
    d, x = made(16), torch.arange(17.0).double()
    weights = d.log_prob(x).exp()
    mean = (weights * x).sum(1, keepdim=True)
    torch.testing.assert_close(d.mean, mean)
    variance = (weights * (x - mean) ** 2).sum(1, keepdim=True)
    torch.testing.assert_close(d.variance, variance, rtol=1e-6, atol=1e-9)


def test_a_million_of_concentration_in_single_precision():
    """The exact value is the binomial's to within n / c."""
    logits, log_c = torch.tensor(-1.0), torch.tensor(1e6).log()
    x = torch.arange(17.0)
    p = torch.sigmoid(logits.double())
    c = log_c.double().exp()
    exact = scipy.stats.betabinom.logpmf(x.numpy(), 16, float(c * p), float(c * (1 - p)))
    off = (BetaBinomial(16, logits, log_c).log_prob(x).double().numpy() - exact).max()
    pyros = dist.BetaBinomial((c * p).float(), (c * (1 - p)).float(), 16)
    assert abs(off) < 1e-4 < abs(pyros.log_prob(x).double().numpy() - exact).max()


@pytest.mark.parametrize("size", [100.0, -100.0])
@pytest.mark.parametrize("log_c", [-25.0, 0.0, 25.0])
def test_extremes_in_single_precision(size, log_c):
    logits = torch.tensor(size, requires_grad=True)
    spread = torch.tensor(log_c, requires_grad=True)
    log_prob = BetaBinomial(16, logits, spread).log_prob(torch.tensor([0.0, 5.0, 16.0]))
    log_prob.sum().backward()
    assert log_prob.isfinite().all() and logits.grad.isfinite() and spread.grad.isfinite()


def test_draws_of_a_tiny_concentration_are_the_ends():
    """Beta variables of concentration c -> 0 are 1 with their mean as the probability."""
    torch.manual_seed(0)
    n, logits = 20_000, torch.tensor([-1.0, 2.0])
    p = beta_draw(logits.expand(n, 2), torch.tensor(-30.0))
    assert ((p == 0) | (p == 1)).all()
    share = torch.sigmoid(logits)
    z = (p.mean(0) - share) / (share * (1 - share) / n).sqrt()
    assert z.abs().max() < 4, z
