"""Schedules at their ends, their joints, and against the published one."""

import math

import pytest
import torch

from pyrovae.errors import ConfigError
from pyrovae.train.optim import schedules


def test_constant():
    assert {schedules.constant()(p) for p in (0.0, 0.3, 1.0)} == {1.0}


def test_cosine():
    schedule = schedules.cosine(warmup=0.2, floor=0.1)
    assert schedule(0.0) == 0.0
    assert schedule(0.05) == pytest.approx(0.25)
    assert schedule(0.2) == 1.0
    assert schedule(0.6) == pytest.approx(0.55)
    assert schedule(1.0) == pytest.approx(0.1)
    assert schedules.cosine()(0.0) == 1.0
    values = [schedules.cosine(floor=0.3)(p / 50) for p in range(51)]
    assert values == sorted(values, reverse=True) and values[-1] == pytest.approx(0.3)


def test_exponential_falls_by_one_ratio():
    schedule = schedules.exponential(1e-3)
    ratios = [schedule((i + 1) / 9) / schedule(i / 9) for i in range(9)]
    assert ratios == pytest.approx([1e-3 ** (1 / 9)] * 9)
    assert schedule(1.0) == pytest.approx(1e-3)


def test_iwae_is_the_published_schedule():
    """Epoch by epoch over 3,280 epochs: rate 1e-3 * 10^(-i/7) for 3^i epochs."""
    published = [10 ** (-i / 7) for i in range(8) for _ in range(3**i)]
    assert len(published) == 3280
    steps_per_epoch = 500
    total = 3280 * steps_per_epoch
    schedule = schedules.iwae()
    for within in (0, steps_per_epoch - 1):
        found = [schedule((e * steps_per_epoch + within) / total) for e in range(3280)]
        assert found == published
    assert schedule(1.0) == pytest.approx(0.1)


@pytest.mark.parametrize(
    "make",
    [
        lambda: schedules.cosine(warmup=1.0),
        lambda: schedules.cosine(warmup=-0.1),
        lambda: schedules.cosine(floor=2),
        lambda: schedules.exponential(0.0),
        lambda: schedules.piecewise([], []),
        lambda: schedules.piecewise([0.1], [1]),
        lambda: schedules.piecewise([0, 0.5, 0.4], [1, 2, 3]),
        lambda: schedules.piecewise([0, 0.5], [1]),
    ],
)
def test_what_makes_no_schedule_is_an_error(make):
    with pytest.raises(ConfigError):
        make()


def test_rates_are_set_from_the_first_ones():
    leaves = [torch.zeros(1, requires_grad=True) for _ in range(2)]
    groups = [{"params": leaves[:1], "lr": 1.0}, {"params": leaves[1:], "lr": 0.1}]
    optimizer = torch.optim.SGD(groups)
    for progress in (0.0, 0.5, 1.0):
        schedules.set_rate(optimizer, math.exp, progress)
        rates = [group["lr"] for group in optimizer.param_groups]
        assert rates == pytest.approx([math.exp(progress), 0.1 * math.exp(progress)])
    schedules.set_rate(optimizer, None, 0.0)
    assert rates == [group["lr"] for group in optimizer.param_groups]
