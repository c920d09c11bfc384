"""A threshold with a stated false-alarm rate, and p-values, from the scores of normal data."""

import math
from dataclasses import dataclass

import numpy as np

from ...errors import ConfigError, DataError, warn


class CalibrationWarning(UserWarning):
    """The calibration data are too few for the false-alarm rate that is asked for."""


@dataclass(frozen=True, eq=False)
class Calibration:
    """Scores of normal data that a new score is compared with; higher is more normal.

    If the new datum is exchangeable with the calibration data, the chance that its p-value is at
    most a is at most a, whatever the score is and however few data there are. This is over the
    choice of the calibration data too: with those at hand the rate is a draw from `rates`. It does
    not hold where the pair, or the score, was fitted to the calibration data, nor under drift.

    Attributes:
        scores: Of the normal data, in rising order [n], float64.

    Source:
        Algorithmic Learning in a Random World (Vovk et al., 2005), sec. 2.2; for anomalies:
        Testing for Outliers with Conformal p-values (Bates et al., 2023), sec. 2,
        https://arxiv.org/abs/2104.08279

    Example:
        >>> found = Calibration.of(np.arange(99.0))
        >>> found.threshold(0.05), found.p_values(np.array([-1.0, 4.0, 50.0]))
        (4.0, array([0.01, 0.06, 0.52]))
    """

    scores: np.ndarray

    @classmethod
    def of(cls, scores: np.ndarray) -> "Calibration":
        """From scores in any order [n].

        Raises:
            DataError: There are none, or one is not a number.
        """
        bad = int(np.isnan(scores).sum())
        if bad or len(scores) == 0:
            raise DataError(
                f"calibration got {len(scores)} scores, of which {bad} are NaN; give normal data "
                "that all have a score"
            )
        return cls(np.sort(np.asarray(scores, dtype=np.float64)))

    def rank(self, rate: float) -> int:
        """How many of n + 1 exchangeable scores may raise an alarm: floor(rate (n + 1)).

        Raises:
            ConfigError: The rate is not between 0 and 1.
        """
        if not 0 < rate < 1:
            raise ConfigError(f"a false-alarm rate of {rate} was asked for; give one in (0, 1)")
        # 0.05 * 20 is 1.0 exactly, and 0.07 * 100 just above 7: neither may lose an alarm.
        return math.floor(rate * (len(self.scores) + 1) + 1e-9)

    def threshold(self, rate: float) -> float:
        """The score below which data are anomalies, at most a share `rate` of normal data.

        In nonconformity, minus the score, it is the quantile ceil((n + 1)(1 - rate)) / n. With
        too few data it is minus infinity, and a `CalibrationWarning` says so.
        """
        rank = self.rank(rate)
        if rank == 0:
            warn(
                f"{len(self.scores)} calibration data cannot give a false-alarm rate of {rate:g}: "
                f"no datum will be an anomaly; give {math.ceil(1 / rate) - 1} or more, or a "
                "higher rate",
                CalibrationWarning,
            )
            return -math.inf
        return float(self.scores[rank - 1])

    def p_values(self, scores: np.ndarray) -> np.ndarray:
        """(1 + number of calibration scores no higher) / (n + 1) [N]; of NaN the least."""
        lower = np.searchsorted(self.scores, np.nan_to_num(scores, nan=-np.inf), side="right")
        lower = np.where(np.isnan(scores), 0, lower)
        return (1 + lower) / (1 + len(self.scores))

    def rates(self, rate: float, level: float = 0.95) -> tuple[float, float]:
        """Central interval of the false-alarm rate over calibration sets of this size.

        It is Beta(k, n + 1 - k) with k = floor(rate (n + 1)), where scores do not tie.
        """
        from scipy.stats import beta  # takes half a second; only this needs it

        rank = self.rank(rate)
        if rank == 0:
            return 0.0, 0.0
        low, high = beta(rank, len(self.scores) + 1 - rank).interval(level)
        return float(low), float(high)
