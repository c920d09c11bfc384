"""Binomial head against scipy."""

import pytest
import scipy.stats
import torch

from pyrovae.errors import ConfigError
from pyrovae.nn import Binomial

LOGITS = torch.tensor([0.0, 1e-9, 0.3, -2.0, 20.0, -20.0, 100.0, -100.0], dtype=torch.float64)


@pytest.mark.parametrize("n", [1, 16, 255])
def test_sums_to_one(n):
    d = Binomial(n)(LOGITS[:, None], event_dim=0)
    x = torch.arange(n + 1.0, dtype=torch.float64)[:, None]
    total = d.log_prob(x).exp().sum(0)
    torch.testing.assert_close(total, torch.ones_like(LOGITS), rtol=0, atol=1e-10)


@pytest.mark.parametrize("n", [1, 16, 255])
def test_equals_scipy(n):
    p = torch.sigmoid(LOGITS[:4])
    x = torch.arange(n + 1.0, dtype=torch.float64)[:, None]
    log_prob = Binomial(n)(LOGITS[:4, None], event_dim=0).log_prob(x)
    expected = torch.from_numpy(scipy.stats.binom.logpmf(x.numpy(), n, p.numpy()))
    torch.testing.assert_close(log_prob, expected)


def test_moments():
    d = Binomial(16)(LOGITS[:, None], event_dim=0)
    p = torch.sigmoid(LOGITS)
    torch.testing.assert_close(d.mean, 16 * p)
    torch.testing.assert_close(d.variance, 16 * p * (1 - p))


def test_refuses_no_trials():
    with pytest.raises(ConfigError, match="total_count=0"):
        Binomial(0)
