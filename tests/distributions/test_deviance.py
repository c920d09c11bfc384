"""Pieces of log-densities against mpmath-free exact values: log-gamma in double precision."""

import math

import pytest
import scipy.special
import torch

from pyrovae.distributions.deviance import deviance, log_or_zero, log_sum, stirling_excess

T = torch.tensor([1e-30, 1e-3, 0.5, 1.0, 15.9, 16.0, 16.1, 100.0], dtype=torch.float64)


def test_stirling_excess_is_what_is_left_of_log_gamma():
    expected = torch.from_numpy(scipy.special.gammaln(1 + T.numpy())) - (T * T.log() - T)
    torch.testing.assert_close(stirling_excess(T, T.log()), expected, rtol=0, atol=2e-13)


def test_stirling_excess_of_nothing_and_of_much():
    zero = torch.zeros(())
    assert stirling_excess(zero, zero) == 0
    much = torch.tensor(1e9)
    expected = 0.5 * math.log(2 * math.pi * 1e9)
    torch.testing.assert_close(stirling_excess(much, much.log()), torch.tensor(expected))


def test_stirling_excess_has_the_derivative_of_log_gamma():
    t = T.clone().requires_grad_()
    stirling_excess(t, t.log()).sum().backward()
    expected = torch.from_numpy(scipy.special.digamma(1 + T.numpy())) - T.log()
    torch.testing.assert_close(t.grad, expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("ratio", [1e-30, 0.1, 0.999999, 1.0, 1.000001, math.e, 3.0, 1e30])
def test_deviance(ratio):
    t = T[1:]
    log_mean = (t * ratio).log()
    # Near a ratio of 1 the plain formula cancels: (ratio - 1)^2 / 2 - (ratio - 1)^3 / 3.
    off = ratio - 1
    near = off**2 / 2 - off**3 / 3
    expected = t * (near if abs(off) < 1e-5 else off - math.log(ratio))
    torch.testing.assert_close(deviance(t, t.log(), log_mean), expected, rtol=1e-6, atol=1e-18)


def test_deviance_of_zero_is_the_mean():
    zero, log_mean = torch.zeros(3), torch.tensor([-50.0, 0.0, 3.0], requires_grad=True)
    found = deviance(zero, log_or_zero(zero), log_mean)
    torch.testing.assert_close(found, log_mean.exp())
    found.sum().backward()
    torch.testing.assert_close(log_mean.grad, log_mean.detach().exp())


def test_what_underflows_has_gradients():
    log_t = torch.tensor([-200.0], requires_grad=True)
    t, x = log_t.exp(), torch.zeros(1)
    found = stirling_excess(t, log_t) + deviance(t, log_t, log_t + 100) + log_sum(t, log_t, x)
    found.sum().backward()
    assert t == 0 and found.isfinite().all() and log_t.grad.isfinite().all()
