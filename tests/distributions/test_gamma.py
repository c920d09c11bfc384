"""The gamma distribution against scipy."""

import itertools

import numpy as np
import pyro.distributions as dist
import scipy.stats
import torch

from pyrovae.distributions.gamma import Gamma

GRID = torch.tensor(
    list(itertools.product((1e-5, 0.8, 1e3), (1e-3, 0.7, 1.0, 30.0, 1e5))), dtype=torch.float64
)
X = torch.tensor([1e-30, 1e-5, 0.5, 1.0, 3.0, 900.0], dtype=torch.float64)


def made(grid=GRID):
    return Gamma(grid[:, :1].log(), grid[:, 1:].log())


def test_equals_scipy():
    mean, k = GRID[:, :1].numpy(), GRID[:, 1:].numpy()
    expected = torch.from_numpy(scipy.stats.gamma.logpdf(X.numpy(), k, scale=mean / k))
    torch.testing.assert_close(made().log_prob(X), expected, rtol=1e-8, atol=1e-6)


def test_integrates_to_one():
    grid = GRID[(GRID[:, 1] > 0.5) & (GRID[:, 1] < 100)]
    t = torch.linspace(-60, 20, 8001).double()  # x = e^t
    total = torch.trapezoid(made(grid).log_prob(t.exp()).exp() * t.exp(), t, dim=1)
    torch.testing.assert_close(total, torch.ones(len(grid)).double(), rtol=0, atol=1e-6)


def test_a_million_of_shape_in_single_precision():
    log_mean, log_k = torch.tensor(5.0).log(), torch.tensor(1e6).log()
    mean, k = float(log_mean.double().exp()), float(log_k.double().exp())
    x = mean * (1 + torch.linspace(-3, 3, 31) / 1000)
    exact = scipy.stats.gamma.logpdf(x.double().numpy(), k, scale=mean / k)
    off = np.abs(Gamma(log_mean, log_k).log_prob(x).double().numpy() - exact).max()
    pyros = dist.Gamma(torch.tensor(k), torch.tensor(k / mean)).log_prob(x).double().numpy()
    assert off < 1e-2 < np.abs(pyros - exact).max()


def test_moments_and_support():
    torch.testing.assert_close(made().mean, GRID[:, :1])
    torch.testing.assert_close(made().variance, GRID[:, :1] ** 2 / GRID[:, 1:])
    assert not made().support.check(torch.zeros(1)).any()
    tiny = Gamma(torch.tensor(0.0), torch.tensor(-20.0)).sample((100,))
    assert (tiny > 0).all()
