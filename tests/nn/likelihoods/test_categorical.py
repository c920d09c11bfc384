"""Categorical head: a softmax, with levels that have a mean."""

import pytest
import torch

from pyrovae.errors import ConfigError
from pyrovae.nn import Categorical


def make_logits(scale=1.0):
    torch.manual_seed(0)
    return scale * torch.randn(5, 7, 3, dtype=torch.float64)  # [B, P, D]


@pytest.mark.parametrize("scale", [0.0, 1.0, 100.0])
def test_sums_to_one(scale):
    d = Categorical(7)(make_logits(scale).movedim(1, -1), event_dim=0)
    total = sum(d.log_prob(torch.full((5, 3), float(c))).exp() for c in range(7))
    torch.testing.assert_close(total, torch.ones_like(total), rtol=0, atol=1e-12)


def test_is_the_log_softmax_over_the_parameter_axis():
    logits = make_logits()
    x = torch.randint(0, 7, (5, 3))
    expected = torch.stack(
        [
            sum(logits[b, x[b, j], j] - logits[b, :, j].exp().sum().log() for j in range(3))
            for b in range(5)
        ]
    )
    torch.testing.assert_close(Categorical(7)(logits, event_dim=1).log_prob(x.float()), expected)


def test_moments():
    logits = make_logits()
    p, level = logits.softmax(1), torch.arange(7.0, dtype=torch.float64)[:, None]
    d = Categorical(7)(logits, event_dim=1)
    torch.testing.assert_close(d.mean, (p * level).sum(1))
    torch.testing.assert_close(d.variance, (p * level**2).sum(1) - (p * level).sum(1) ** 2)


def test_refuses_a_single_class():
    with pytest.raises(ConfigError, match="num_classes=1"):
        Categorical(1)
