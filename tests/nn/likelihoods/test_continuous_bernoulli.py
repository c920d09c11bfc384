"""Continuous Bernoulli head: integrates to one at every logit, also where torch's does not."""

import numpy as np
import pytest
import torch
from torch.distributions import ContinuousBernoulli as TorchContinuousBernoulli

from pyrovae.nn import ContinuousBernoulli

# Probability 1/2, around it, around the switch between series and formula (|l| = .4), far out.
SIZES = [0.0, 1e-12, 1e-4, 4e-3, 0.1, 0.399999, 0.4, 0.400001, 2.0, 20.0, 40.0, 100.0]
LOGITS = torch.tensor([s * v for v in SIZES for s in (1, -1)], dtype=torch.float64)


def head(logits):
    return ContinuousBernoulli()(logits[:, None], event_dim=0)


def quadrature(of_x):
    """Integrates over [0, 1] by 100 nodes of Gauss-Legendre on each of 8 panels."""
    nodes, weights = np.polynomial.legendre.leggauss(100)
    x = torch.tensor([(p + (t + 1) / 2) / 8 for p in range(8) for t in nodes])
    w = torch.tensor(np.tile(weights / 16, 8))
    return (of_x(x[:, None]) * w[:, None]).sum(0)


def test_integrates_to_one():
    total = quadrature(lambda x: head(LOGITS).log_prob(x).exp())
    torch.testing.assert_close(total, torch.ones_like(total), rtol=0, atol=1e-12)


def test_integrates_to_one_in_float32():
    total = quadrature(lambda x: head(LOGITS.float()).log_prob(x.float()).double().exp())
    torch.testing.assert_close(total, torch.ones_like(total), rtol=0, atol=3e-5)


def test_moments_are_integrals():
    d = head(LOGITS)
    mean = quadrature(lambda x: x * d.log_prob(x).exp())
    torch.testing.assert_close(d.mean, mean, rtol=0, atol=1e-12)
    variance = quadrature(lambda x: (x - mean) ** 2 * d.log_prob(x).exp())
    torch.testing.assert_close(d.variance, variance, rtol=1e-9, atol=1e-12)


def test_equals_torch_where_that_is_exact():
    logits = LOGITS[LOGITS.abs() <= 2]
    x = torch.rand(50, 1, dtype=torch.float64)
    theirs = TorchContinuousBernoulli(logits=logits)
    torch.testing.assert_close(head(logits).log_prob(x), theirs.log_prob(x))
    torch.testing.assert_close(head(logits).mean, theirs.mean)


def test_mirrors():
    x = torch.rand(50, 1, dtype=torch.float64)
    torch.testing.assert_close(head(LOGITS).log_prob(x), head(-LOGITS).log_prob(1 - x))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradient_is_the_residual(dtype):
    logits = LOGITS.to(dtype).requires_grad_()
    x = torch.full_like(logits, 0.7)
    (grad,) = torch.autograd.grad(head(logits).log_prob(x).sum(), logits)
    torch.testing.assert_close(grad, 0.7 - head(logits).mean, rtol=1e-4, atol=3e-6)


def test_samples_follow_the_distribution_function():
    torch.manual_seed(0)
    n = 4000
    x = head(LOGITS).sample((n,))
    assert ((x >= 0) & (x <= 1)).all()
    mild = LOGITS.abs() >= 1e-4
    level = (torch.expm1(LOGITS * x) / torch.expm1(LOGITS))[:, mild]
    distance = (level.sort(0).values - (torch.arange(n)[:, None] + 0.5) / n).abs().max()
    assert distance * n**0.5 < 2.2, "Kolmogorov-Smirnov, 1 in 10,000 for a logit"
