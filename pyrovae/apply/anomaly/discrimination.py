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
    rng = np.random.default_rng(seed)
    drawn = [
        _areas(rng.choice(normal, len(normal)), rng.choice(foreign, len(foreign)))
        for _ in range(num_bootstrap)
    ]
    errors = np.std(drawn, axis=0, ddof=1)
    aupr, fpr95 = _areas(normal, foreign)
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
    """AUPR, and the FPR where 95 % of normal data are kept."""
    from sklearn.metrics import average_precision_score  # takes a second; only this needs it

    largest = np.finfo(np.float64).max  # scikit-learn takes no infinite scores
    scores = np.clip(-np.concatenate([normal, foreign]), -largest, largest)
    truth = np.concatenate([np.zeros(len(normal)), np.ones(len(foreign))])
    kept = np.sort(normal)[int(np.floor((1 - _KEPT) * len(normal) + 1e-9))]
    return float(average_precision_score(truth, scores)), float((foreign >= kept).mean())
