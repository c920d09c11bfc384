"""The beta distribution against scipy."""

import itertools

import numpy as np
import pyro.distributions as dist
import pytest
import scipy.stats
import torch

from pyrovae.distributions.beta import Beta

GRID = torch.tensor(
    list(itertools.product((-4.0, 0.0, 1.5), (1e-3, 0.7, 2.0, 30.0, 1e5))), dtype=torch.float64
)
X = torch.tensor([1e-30, 1e-4, 0.2, 0.5, 0.9, 1 - 1e-9], dtype=torch.float64)


def made(grid=GRID):
    return Beta(grid[:, :1], grid[:, 1:].log())


def test_equals_scipy():
    p, c = 1 / (1 + np.exp(-GRID[:, :1].numpy())), GRID[:, 1:].numpy()
    expected = torch.from_numpy(scipy.stats.beta.logpdf(X.numpy(), c * p, c * (1 - p)))
    torch.testing.assert_close(made().log_prob(X), expected, rtol=1e-8, atol=1e-6)


def test_integrates_to_one():
    grid = GRID[(GRID[:, 0] <= 0) & (GRID[:, 1] >= 2) & (GRID[:, 1] <= 50)]
    t = torch.linspace(-700, 36, 36_801).double()  # x = sigmoid(t)
    x = t.sigmoid()
    density = made(grid).log_prob(x).exp() * x * (1 - x)
    total = torch.trapezoid(density, t, dim=1)
    torch.testing.assert_close(total, torch.ones(len(grid)).double(), rtol=0, atol=1e-6)


def test_a_million_of_concentration_in_single_precision():
    logits, log_c = torch.tensor(-1.0), torch.tensor(1e6).log()
    c = float(log_c.double().exp())
    p = float(torch.sigmoid(logits.double()))
    x = p + torch.linspace(-3, 3, 31) * (p * (1 - p) / c) ** 0.5
    exact = scipy.stats.beta.logpdf(x.double().numpy(), c * p, c * (1 - p))
    off = np.abs(Beta(logits, log_c).log_prob(x).double().numpy() - exact).max()
    pyros = dist.Beta(torch.tensor(c * p), torch.tensor(c * (1 - p))).log_prob(x).double().numpy()
    assert off < 1e-2 < np.abs(pyros - exact).max()


def test_moments():
    torch.testing.assert_close(made().mean, GRID[:, :1].sigmoid())
    p = GRID[:, :1].sigmoid()
    torch.testing.assert_close(made().variance, p * (1 - p) / (1 + GRID[:, 1:]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_ends_are_outside_and_draws_inside(dtype):
    d = Beta(torch.tensor(0.0, dtype=dtype), torch.tensor(-5.0, dtype=dtype))
    assert d.support.check(torch.tensor([0.0, 1e-30, 0.5, 1.0])).tolist() == [0, 1, 1, 0]
    x = d.sample((1000,)).float()
    assert d.support.check(x).all() and d.log_prob(x.to(dtype)).isfinite().all()
