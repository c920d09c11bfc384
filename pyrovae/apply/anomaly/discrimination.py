"""How well scores tell anomalies from normal data: AUROC, AUPR and FPR, with standard errors."""

from dataclasses import dataclass

import numpy as np

from ...errors import DataError

_KEPT = 0.95


@dataclass(frozen=True)
class Discrimination:
    """How well a score tells anomalies from normal data.

    Attributes:
        auroc: Chance that a normal datum has the higher score, ties counted half. Below 1/2 the
            score ranks anomalies as the more normal.
        aupr: Area under precision and recall (average precision), anomalies being what is looked
            for. It depends on their share, `prevalence`, which it has for a score of no use.
        fpr95: Share of the anomalies that are taken for normal where 95 % of normal data are.
        auroc_error: Its standard error, by DeLong's formula.
        aupr_error: Its standard error, by the bootstrap.
        fpr95_error: Likewise.
        prevalence: Share of anomalies among all data.
    """

    auroc: float
    aupr: float
    fpr95: float
    auroc_error: float
    aupr_error: float
    fpr95_error: float
    prevalence: float


def discrimination(
    normal: np.ndarray, foreign: np.ndarray, *, num_bootstrap: int = 200, seed: int = 0
) -> Discrimination:
    """Compare the scores of normal data and of anomalies.

    Args:
        normal: Scores of normal data [N], higher is more normal.
        foreign: Scores of anomalies [M].
        num_bootstrap: Resamples of either, each within itself.
        seed: Of the resamples.

    Raises:
        DataError: There are fewer than two of either, or a score is NaN.

    Source:
        Comparing the Areas under Two or More Correlated ROC Curves (DeLong et al., 1988); FPR:
        Enhancing the Reliability of Out-of-distribution Image Detection (Liang et al., 2018),
        sec. 4.3, https://arxiv.org/abs/1706.02690

    Example:
        >>> found = discrimination(np.array([3.0, 4.0, 5.0]), np.array([1.0, 2.0, 4.5]))
        >>> round(found.auroc, 3), round(found.fpr95, 3)
        (0.778, 0.333)
    """
    for what, scores in (("normal data", normal), ("anomalies", foreign)):
        if len(scores) < 2 or np.isnan(scores).any():
            raise DataError(
                f"{what} have {len(scores)} scores, of which {int(np.isnan(scores).sum())} are "
                "NaN; give two at least, all of them numbers"
            )
    auroc, auroc_error = delong(normal, foreign)
    # A resample changes how often each score occurs, and not which scores there are.
    values, places = np.unique(np.concatenate([normal, foreign]), return_inverse=True)
    own, other = (np.bincount(part, minlength=len(values))
                  for part in (places[: len(normal)], places[len(normal) :]))  # fmt: skip
    rng = np.random.default_rng(seed)
    drawn = [
        _areas(*(rng.multinomial(c.sum(), c / c.sum()) for c in (own, other)))
        for _ in range(num_bootstrap)
    ]
    errors = np.std(drawn, axis=0, ddof=1)
    aupr, fpr95 = _areas(own, other)
    share = len(foreign) / (len(normal) + len(foreign))
    return Discrimination(
        auroc, aupr, fpr95, auroc_error, float(errors[0]), float(errors[1]), share
    )


def delong(normal: np.ndarray, foreign: np.ndarray) -> tuple[float, float]:
    """AUROC and its standard error, by midranks.

    Source:
        Fast Implementation of DeLong's Algorithm (Sun & Xu, 2014), eq. 5-8
    """
    from scipy.stats import rankdata

    n, m = len(normal), len(foreign)
    ranks = rankdata(np.concatenate([normal, foreign]))  # midranks where there are ties
    above = (ranks[:n] - rankdata(normal)) / m  # share of anomalies below each normal datum
    below = 1 - (ranks[n:] - rankdata(foreign)) / n  # share of normal data above each anomaly
    error = (above.var(ddof=1) / n + below.var(ddof=1) / m) ** 0.5
    return float(above.mean()), float(error)


def _areas(normal: np.ndarray, foreign: np.ndarray) -> tuple[float, float]:
    """AUPR, and the FPR where 95 % of normal data are kept.

    Args:
        normal: How many normal data have each score, in rising order of the scores [U].
        foreign: The same of the anomalies.
    """
    false, found = normal.cumsum(), foreign.cumsum()  # alarms, if up to this score is an alarm
    precision = found / np.maximum(found + false, 1)
    aupr = (foreign * precision).sum() / found[-1]
    lost = np.floor((1 - _KEPT) * false[-1] + 1e-9)
    lowest = np.searchsorted(false, lost, side="right")  # score of the lowest datum that is kept
    missed = found[-1] - found[lowest] + foreign[lowest]
    return float(aupr), float(missed / found[-1])
