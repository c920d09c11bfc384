"""Running moments, and the directions of gradients."""

import pytest
import torch

from pyrovae.evaluate.gradients import moments
from pyrovae.evaluate.gradients.moments import Directions, Moments


@pytest.fixture
def values():
    return 1e6 + torch.randn(50, 3, generator=torch.Generator().manual_seed(0)).double()


@pytest.mark.parametrize("sizes", [[1] * 50, [7] * 7 + [1], [50]])
@pytest.mark.parametrize("block", [1, 12, 2**16])
def test_moments_are_those_of_the_whole(values, sizes, block, monkeypatch):
    monkeypatch.setattr(moments, "_BLOCK", block)
    running = Moments.of_none(3, torch.device("cpu"))
    for some in values.split(sizes):
        running = running.and_of(some)
    assert running.num_draws == 50
    torch.testing.assert_close(running.mean, values.mean(0), rtol=1e-14, atol=0)
    torch.testing.assert_close(running.variance, values.var(0), rtol=1e-8, atol=0)


@pytest.mark.parametrize("block", [1, 2**16])
def test_ratios_of_lengths_along_and_across(block, monkeypatch):
    monkeypatch.setattr(moments, "_BLOCK", block)
    parts = [slice(0, 2), slice(2, 5)]
    target = torch.tensor([0.0, 2.0, 0.0, 0.0, 5.0]).double()
    drawn = torch.tensor([[3.0, -4.0, 0.0, 6.0, 3.0], [1.0, 1.0, 0.0, 0.0, 0.0]])
    found = Directions(target, parts, torch.device("cpu")).ratios(drawn)
    assert found.tolist() == pytest.approx([4 / 3 + 1, 0.5])  # a gradient of zeros counts as zero
