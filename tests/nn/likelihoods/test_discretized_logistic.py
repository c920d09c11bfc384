"""Discretised logistic head: sums to one at any mean and scale."""

import math

import pytest
import torch

from pyrovae.errors import ConfigError
from pyrovae.nn import DiscretizedLogistic

VALUES = (0.0, 0.5, -0.73, 1.0, -1.0, 3.0, -20.0, 100.0, -100.0)
LOC, RAW = (t.flatten() for t in torch.meshgrid(*[torch.tensor(VALUES)] * 2, indexing="ij"))
PARAMS = torch.stack([LOC, RAW], -1).double()  # [N, 2]


def log_probs(levels, params=PARAMS):  # [levels, N]
    d = DiscretizedLogistic(levels)(params, event_dim=0)
    return torch.stack([d.log_prob(torch.tensor(float(x)).to(params)) for x in range(levels)])


@pytest.mark.parametrize("levels", [2, 17, 256])
def test_sums_to_one(levels):
    total = log_probs(levels).exp().sum(0)
    torch.testing.assert_close(total, torch.ones_like(total), rtol=0, atol=1e-10)


def test_sums_to_one_in_float32():
    total = log_probs(256, PARAMS.float()).double().exp().sum(0)
    torch.testing.assert_close(total, torch.ones_like(total), rtol=0, atol=1e-4)


@pytest.mark.parametrize("levels", [2, 17, 256])
def test_is_the_difference_of_distribution_functions(levels):
    loc, raw = PARAMS[:, 0], PARAMS[:, 1]
    scale = 1e-3 + torch.log1p(raw.exp())
    edges = (2 * torch.arange(levels + 1.0, dtype=torch.float64) - 1) / (levels - 1) - 1
    cdf = torch.sigmoid((edges[:, None] - loc) / scale)
    cdf[0], cdf[-1] = 0.0, 1.0
    expected = cdf.diff(dim=0)
    torch.testing.assert_close(log_probs(levels).exp(), expected, rtol=1e-8, atol=1e-12)


def test_far_levels_keep_their_log_probability_and_gradient():
    # The difference of two sigmoids is 0 here; its logarithm is -(distance) / scale and a bit.
    params = torch.tensor([[-1.0, -100.0]], dtype=torch.float64, requires_grad=True)
    log_prob = log_probs(256, params)[200, 0]
    distance, step = 2 * 199.5 / 255, 2 / 255
    expected = -distance / 1e-3 + math.log1p(-math.exp(-step / 1e-3))
    assert log_prob.item() == pytest.approx(expected, rel=1e-12)
    (grad,) = torch.autograd.grad(log_prob, params)
    assert grad[0, 0].item() == pytest.approx(1000.0, rel=1e-9)


def test_gradients_at_the_edges():
    params = torch.tensor([[0.2, -1.0], [-0.9, -4.0]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda p: log_probs(5, p), (params,))


def test_moments_are_sums_over_levels():
    p, level = log_probs(17).exp(), torch.arange(17.0, dtype=torch.float64)[:, None]
    d = DiscretizedLogistic(17)(PARAMS, event_dim=0)
    mean = (p * level).sum(0)
    torch.testing.assert_close(d.mean, mean)
    torch.testing.assert_close(d.variance, (p * (level - mean) ** 2).sum(0))


def test_a_sharp_mean_is_its_level():
    levels = torch.tensor([0.0, 3.0, 128.0, 255.0])
    params = torch.stack([levels / 255 * 2 - 1, torch.full((4,), -100.0)], -1)
    d = DiscretizedLogistic(min_scale=1e-4)(params, event_dim=0)
    torch.testing.assert_close(d.mean, levels, rtol=0, atol=1e-3)
    torch.manual_seed(0)
    assert torch.equal(d.sample(), levels)


@pytest.mark.parametrize(("levels", "min_scale"), [(1, 1e-3), (256, 0.0), (256, -1.0)])
def test_refuses_bad_arguments(levels, min_scale):
    with pytest.raises(ConfigError, match=f"levels={levels} and min_scale={min_scale}"):
        DiscretizedLogistic(levels, min_scale)
