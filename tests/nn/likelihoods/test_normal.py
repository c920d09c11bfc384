"""Normal heads against scipy."""

import numpy as np
import pytest
import scipy.stats
import torch

from pyrovae.errors import ConfigError, ShapeError
from pyrovae.nn import LearnedNormal, Normal, PredictedNormal

LOC = torch.tensor([0.0, 0.4, -3.0, 100.0, -100.0], dtype=torch.float64)


def cases():
    """Pairs of a distribution over LOC's elements and its scales."""
    learned = LearnedNormal(init_scale=0.7).double()
    each = LearnedNormal(shape=(5,)).double()
    with torch.no_grad():
        each.log_scale += torch.linspace(-1, 1, 5)
    raw = torch.tensor([0.0, -100.0, -3.0, 3.0, 100.0], dtype=torch.float64)
    predicted = PredictedNormal(min_scale=0.01)
    return [
        (Normal(scale=0.2)(LOC[None], event_dim=1), torch.full((5,), 0.2)),
        (learned(LOC[None], event_dim=1), torch.full((5,), 0.7)),
        (each(LOC[None], event_dim=1), torch.linspace(-1, 1, 5).exp()),
        (predicted(torch.stack([LOC, raw]), event_dim=1), 0.01 + raw.exp().log1p()),
    ]


@pytest.mark.parametrize("case", range(4))
def test_equals_scipy(case):
    d, scale = cases()[case]
    x = torch.randn(7, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = scipy.stats.norm.logpdf(x.numpy(), LOC.numpy(), scale.double().numpy()).sum(-1)
    torch.testing.assert_close(
        d.log_prob(x).detach(), torch.from_numpy(expected), rtol=1e-6, atol=0
    )


@pytest.mark.parametrize("case", range(4))
def test_integrates_to_one(case):
    d, scale = cases()[case]
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    z, w = torch.tensor(nodes)[:, None], torch.tensor(weights)[:, None]
    # Gauss-Hermite: the weight function exp(-z^2 / 2) times the rest of the density.
    x = LOC + scale * z
    total = (d.base_dist.log_prob(x) + z**2 / 2).exp().mul(w * scale).sum(0)
    torch.testing.assert_close(total, torch.ones_like(total), rtol=1e-6, atol=0)


@pytest.mark.parametrize("case", range(4))
def test_moments(case):
    d, scale = cases()[case]
    torch.testing.assert_close(d.mean, LOC)
    torch.testing.assert_close(d.variance, scale.double() ** 2)


def test_learned_scale_finds_the_spread_of_the_residuals():
    # The maximum-likelihood scale is the root mean square: there the gradient is zero.
    torch.manual_seed(0)
    x = torch.randn(50, 3, dtype=torch.float64) * torch.tensor([0.1, 1.0, 10.0])
    head = LearnedNormal(shape=(3,)).double()
    with torch.no_grad():
        head.log_scale.copy_(x.square().mean(0).log() / 2)
    head(torch.zeros(50, 1, 3, dtype=torch.float64), event_dim=1).log_prob(x).sum().backward()
    torch.testing.assert_close(head.log_scale.grad, torch.zeros(3).double(), atol=1e-10, rtol=0)


def test_learned_scales_belong_to_the_state():
    assert list(LearnedNormal(shape=(2, 3)).state_dict()) == ["log_scale"]


@pytest.mark.parametrize("shape", [(4,), (5, 5), (1, 2, 5)])
def test_learned_scales_need_the_shape_of_the_data(shape):
    with pytest.raises(ShapeError, match=r"should end in"):
        LearnedNormal(shape=shape)(torch.zeros(2, 1, 5), event_dim=1)


def test_the_floor_is_reached_smoothly():
    head = PredictedNormal(min_scale=0.1)
    raw = torch.linspace(-30, 5, 200, dtype=torch.float64)
    scale = head(torch.stack([torch.zeros_like(raw), raw], -1), event_dim=0).stddev
    assert (scale > 0.1 - 1e-12).all() and (scale.diff() > 0).all()


@pytest.mark.parametrize("bad", [0.0, -1.0, float("inf"), float("nan")])
def test_refuses_a_scale_that_is_not_positive(bad):
    for make in (
        lambda: Normal(scale=bad),
        lambda: LearnedNormal(init_scale=bad),
        lambda: PredictedNormal(min_scale=bad),
    ):
        with pytest.raises(ConfigError, match="positive, finite"):
            make()
