"""Whether a classifier tells two sets of rows apart."""

import math
from typing import Any, NamedTuple

import numpy as np

from ...errors import DataError
from .rows import Rows, joined


class TwoSample(NamedTuple):
    """How well a classifier tells rows of two sets apart.

    Attributes:
        auc: Chance that it finds a row of the second set the more like the second; 1/2 where it
            cannot tell.
        spread: Standard deviation of `auc` between sets that are alike.
        p: Probability of an AUC as large between sets that are alike.
    """

    auc: float
    spread: float
    p: float


def two_sample(one: Rows, other: Rows, *, seed: int = 0) -> TwoSample:
    """Train gradient-boosted trees to tell one set from the other, and score them on other rows.

    Each half of the rows trains trees that score the other half, as many rows of both sets.
    Missing cells are told as such; where only one set has gaps, these alone tell it.

    Raises:
        DataError: A set has fewer than 20 rows.

    Source:
        Revisiting Classifier Two-Sample Tests (Lopez-Paz & Oquab, 2017),
        https://arxiv.org/abs/1610.06545; the AUC in the place of the accuracy, whose null
        distribution is that of the test of Mann and Whitney (1947)
    """
    from scipy.stats import norm, rankdata

    n = min(len(one), len(other))
    if n < 20:
        raise DataError(f"two sets of {len(one)} and {len(other)} rows; give at least 20 of each")
    random = np.random.default_rng(seed)
    picked = [side.take(random.permutation(len(side))[:n]) for side in (one, other)]
    halves = [
        joined([side.take(part) for side in picked]) for part in (slice(n // 2), slice(n // 2, n))
    ]
    labels = [np.repeat([0, 1], len(half) // 2) for half in halves]
    scores, z = [], []
    for train, test in ((0, 1), (1, 0)):
        trees = _trees(halves[train], seed).fit(halves[train].values, labels[train])
        ranks = rankdata(trees.decision_function(halves[test].values))
        m = len(ranks) // 2
        scores.append((ranks[m:].sum() - m * (m + 1) / 2) / m**2)
        z.append((scores[-1] - 0.5) / math.sqrt((2 * m + 1) / (12 * m**2)))
    # Each half has its own null distribution, and the two are nearly independent.
    together = sum(z) / math.sqrt(2)
    auc = float(np.mean(scores))
    spread = math.sqrt((n + 1) / (12 * (n / 2) ** 2) / 2)
    return TwoSample(auc, spread, float(norm.sf(together)))


def _trees(rows: Rows, seed: int) -> Any:  # noqa: ANN401
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(
        max_iter=60,
        learning_rate=0.1,
        min_samples_leaf=10,
        max_leaf_nodes=15,
        categorical_features=rows.places("categorical") or None,
        early_stopping=False,
        random_state=seed,
    )
