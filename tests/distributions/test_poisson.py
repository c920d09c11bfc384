"""The Poisson distribution against scipy, also where Pyro's loses its digits."""

import numpy as np
import pyro.distributions as dist
import pytest
import scipy.stats
import torch

from pyrovae.distributions.poisson import Poisson

RATES = torch.tensor([1e-8, 0.3, 1.0, 7.0, 1e3, 1e6], dtype=torch.float64)
COUNTS = torch.tensor([0, 1, 2, 15, 16, 17, 1000, 10**6], dtype=torch.float64)


def test_equals_scipy():
    found = Poisson(RATES.log()[:, None]).log_prob(COUNTS)
    expected = scipy.stats.poisson.logpmf(COUNTS.numpy(), RATES.numpy()[:, None])
    torch.testing.assert_close(found, torch.from_numpy(expected), rtol=1e-9, atol=1e-8)


def test_sums_to_one():
    rates = RATES[:4]
    total = Poisson(rates.log()).log_prob(torch.arange(100.0).double()[:, None]).exp().sum(0)
    torch.testing.assert_close(total, torch.ones_like(rates), rtol=0, atol=1e-12)


def test_a_million_counts_in_single_precision():
    """Near the mode, where Pyro's is off by up to a nat; its exact value is known in double."""
    log_rate = torch.tensor(1e6).log()
    x = 1e6 + torch.arange(-2000.0, 2001.0, 40)
    exact = scipy.stats.poisson.logpmf(x.double().numpy(), np.exp(float(log_rate)))
    off = (Poisson(log_rate).log_prob(x).double() - torch.from_numpy(exact)).abs().max()
    pyro_off = (dist.Poisson(log_rate.exp()).log_prob(x).double() - torch.from_numpy(exact)).abs()
    assert off < 3e-3 and pyro_off.max() > 0.1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradient_is_the_residual_also_without_counts(dtype):
    log_rate = torch.tensor([-90.0, -20.0, 0.0, 3.0], dtype=dtype, requires_grad=True)
    for count in (0.0, 5.0):
        x = torch.full_like(log_rate, count)
        (grad,) = torch.autograd.grad(Poisson(log_rate).log_prob(x).sum(), log_rate)
        torch.testing.assert_close(grad, x - log_rate.exp())


def test_scores_integers():
    x = torch.tensor([0, 200], dtype=torch.uint8)
    d = Poisson(RATES[:2].log())
    torch.testing.assert_close(d.log_prob(x), d.log_prob(x.double()))


def test_draws_a_million():
    torch.manual_seed(0)
    d = Poisson(torch.tensor(1e6).log())
    z = (d.sample((1000,)).double().mean() - 1e6) / 1e3 * 1000**0.5
    assert abs(z) < 4
