"""Thresholds and p-values hold their rate, exactly where it is known."""

import math
import warnings

import numpy as np
import pytest
from scipy.stats import beta, binomtest, kstest

from pyrovae.apply.anomaly.conformal import Calibration, CalibrationWarning
from pyrovae.errors import ConfigError, DataError

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("n", "rate"), [(19, 0.05), (20, 0.05), (99, 0.05), (99, 0.07), (30, 0.3)]
)
def test_the_threshold_is_the_quantile_of_the_guarantee(n, rate):
    found = Calibration.of(RNG.permutation(np.arange(float(n))))
    place = math.ceil((n + 1) * (1 - rate) - 1e-9)  # of minus the scores, in rising order
    assert found.threshold(rate) == -np.sort(-np.arange(float(n)))[place - 1]


def test_alarms_are_p_values_at_most_the_rate():
    found = Calibration.of(RNG.integers(0, 30, 99).astype(float))  # with many ties
    scores = np.arange(-1.0, 31.0, 0.5)
    for rate in (0.01, 0.05, 0.31, 0.9):
        np.testing.assert_array_equal(
            scores < found.threshold(rate), found.p_values(scores) <= rate + 1e-12
        )


def test_the_rate_is_held_over_calibrations():
    """k / (n + 1) exactly: every rank of the new datum is equally likely."""
    n, rate, repeats = 50, 0.05, 4000
    draws = RNG.standard_normal((repeats, n + 1))
    alarms = sum(row[-1] < Calibration.of(row[:-1]).threshold(rate) for row in draws)
    assert binomtest(alarms, repeats, math.floor(rate * (n + 1)) / (n + 1)).pvalue > 1e-3


def test_the_rate_of_one_calibration_is_beta():
    n, rate = 99, 0.1
    rates = [Calibration.of(RNG.uniform(size=n)).threshold(rate) for _ in range(500)]
    assert kstest(rates, beta(10, 90).cdf).pvalue > 1e-3
    assert Calibration.of(np.arange(99.0)).rates(rate) == pytest.approx(
        beta(10, 90).interval(0.95)
    )


def test_too_few_data_are_told_and_raise_no_alarm():
    found = Calibration.of(np.arange(18.0))
    with pytest.warns(CalibrationWarning, match="18 calibration data .* give 19 or more"):
        assert found.threshold(0.05) == -math.inf
    assert found.rates(0.05) == (0.0, 0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Calibration.of(np.arange(19.0)).threshold(0.05) == 0


def test_what_has_no_score_is_least_normal():
    found = Calibration.of(np.array([-np.inf, 1.0, 2.0]))
    np.testing.assert_array_equal(found.p_values(np.array([np.nan, -np.inf, np.inf])),
                                  [0.25, 0.5, 1.0])  # fmt: skip


def test_refusals():
    with pytest.raises(DataError, match="3 scores, of which 1 are NaN"):
        Calibration.of(np.array([1.0, np.nan, 2.0]))
    with pytest.raises(DataError, match="0 scores"):
        Calibration.of(np.zeros(0))
    for rate in (0, 1, -0.1, math.nan):
        with pytest.raises(ConfigError, match=r"give one in \(0, 1\)"):
            Calibration.of(np.arange(30.0)).threshold(rate)
