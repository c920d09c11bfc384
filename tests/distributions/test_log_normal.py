"""The log-normal distribution that the compiler captures."""

import pyro.distributions as dist
import torch

from pyrovae.distributions.log_normal import LogNormal


def test_equals_pyros():
    torch.manual_seed(0)
    loc, scale = torch.randn(4, 3), torch.rand(4, 3) + 0.1
    ours, pyros = LogNormal(loc, scale), dist.LogNormal(loc, scale)
    x = torch.rand(5, 4, 3) + 0.01
    torch.testing.assert_close(ours.log_prob(x), pyros.log_prob(x))
    torch.testing.assert_close(ours.mean, pyros.mean)
    torch.testing.assert_close(ours.variance, pyros.variance)
    wide = ours.expand([2, 4, 3]).to_event(1)
    assert wide.batch_shape == (2, 4) and isinstance(ours.expand([2, 4, 3]), LogNormal)
    assert wide.log_prob(x[:2]).shape == (2, 4)


def test_draws_follow_the_parameters():
    loc = torch.zeros(2, requires_grad=True)
    drawn = LogNormal(loc, torch.ones(2)).rsample((20_000,))
    error = drawn.log().mean(0).abs() * 20_000**0.5
    assert (error < 5).all()
    drawn.sum().backward()
    assert (loc.grad > 0).all()
