"""Schedules at their ends, their joints, and against the published one."""

import pytest

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


def test_linear_rises_and_falls():
    schedule = schedules.linear(warmup=0.2, floor=0.1)
    assert [schedule(p) for p in (0.0, 0.1, 0.2)] == pytest.approx([0.0, 0.5, 1.0])
    assert [schedule(p) for p in (0.6, 1.0)] == pytest.approx([0.55, 0.1])
    assert schedules.linear()(0.25) == 0.75


def test_warmup_cosine_is_a_cosine_with_a_warm_up():
    places = [i / 20 for i in range(21)]
    one, other = schedules.warmup_cosine(), schedules.cosine(warmup=0.1)
    assert [one(p) for p in places] == [other(p) for p in places]


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
        lambda: schedules.linear(warmup=1.0),
        lambda: schedules.linear(floor=float("nan")),
        lambda: schedules.warmup_cosine(warmup=2),
        lambda: schedules.exponential(0.0),
        lambda: schedules.exponential(float("inf")),
        lambda: schedules.exponential(float("nan")),
        lambda: schedules.piecewise([], []),
        lambda: schedules.piecewise([0.1], [1]),
        lambda: schedules.piecewise([0, 0.5, 0.4], [1, 2, 3]),
        lambda: schedules.piecewise([0, 0.5], [1]),
    ],
)
def test_what_makes_no_schedule_is_an_error(make):
    with pytest.raises(ConfigError):
        make()
