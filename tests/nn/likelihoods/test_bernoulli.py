"""Bernoulli head against scipy."""

import scipy.stats
import torch

from pyrovae.nn import Bernoulli

LOGITS = torch.tensor([0.0, 1e-9, 0.3, -2.0, 20.0, -20.0, 100.0, -100.0], dtype=torch.float64)


def log_probs(logits):
    d = Bernoulli()(logits[:, None], event_dim=0)
    return torch.stack([d.log_prob(torch.tensor(x).to(logits)) for x in (0.0, 1.0)])


def test_sums_to_one():
    torch.testing.assert_close(
        log_probs(LOGITS).exp().sum(0), torch.ones_like(LOGITS), rtol=0, atol=1e-12
    )


def test_equals_scipy():
    p = torch.sigmoid(LOGITS[:4])
    for x in (0, 1):
        expected = torch.from_numpy(scipy.stats.bernoulli.logpmf(x, p.numpy()))
        torch.testing.assert_close(log_probs(LOGITS)[x, :4], expected)


def test_extreme_logits_keep_their_log_probability_and_gradient():
    logits = torch.tensor([100.0, -100.0], requires_grad=True)
    at_zero, at_one = log_probs(logits)
    assert at_zero[0] == -100.0 and at_one[1] == -100.0
    (grad,) = torch.autograd.grad(at_zero[0] + at_one[1], logits)
    assert grad.tolist() == [-1.0, 1.0]


def test_mean():
    d = Bernoulli()(LOGITS[:, None], event_dim=0)
    torch.testing.assert_close(d.mean, torch.sigmoid(LOGITS))
