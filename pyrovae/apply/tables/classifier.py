"""Whether a classifier tells two sets of rows apart."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ...errors import DataError
from .rows import Rows, joined

_MOST_CATEGORIES = 255  # that trees take as such; codes of more are taken as numbers


class TwoSample(NamedTuple):
    """How well a classifier tells rows of two sets apart.

    Attributes:
        auc: Chance that it finds a row of the second set the more like the second; 1/2 where it
            cannot tell.
        spread: Standard deviation of `auc` between sets that are alike, at most.
        p: Probability of an AUC as large between sets that are alike, at most.
    """

    auc: float
    spread: float
    p: float


def two_sample(one: Rows, other: Rows, *, seed: int = 0) -> TwoSample:
    """Train gradient-boosted trees to tell one set from the other, and score them on other rows.

    Each half of the rows trains trees that score the other half, as many rows of both sets.
    Missing cells are told as such; where only one set has gaps, these alone tell it. What differs
    by chance in both halves raises both scores, so that they are not independent: `spread` and `p`
    are those of one half, which is never too small, whatever their correlation.

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
    known = _with_values(halves)
    for train, test in ((0, 1), (1, 0)):
        trees = _trees(halves[train], known, seed)
        trees.fit(halves[train].values[:, known], labels[train])
        ranks = rankdata(trees.decision_function(halves[test].values[:, known]))
        m = len(ranks) // 2
        scores.append((ranks[m:].sum() - m * (m + 1) / 2) / m**2)
        z.append((scores[-1] - 0.5) / math.sqrt((2 * m + 1) / (12 * m**2)))
    m = n // 2  # of the smaller half
    spread = math.sqrt((2 * m + 1) / (12 * m**2))
    return TwoSample(float(np.mean(scores)), spread, float(norm.sf(np.mean(z))))


def _with_values(halves: Sequence[Rows]) -> list[int]:
    """The columns that have a value in each half: trees cannot divide others."""
    there = [~np.isnan(half.values).all(0) for half in halves]
    known: list[int] = np.flatnonzero(np.logical_and.reduce(there)).tolist()
    if not known:
        raise DataError("no column has values in both sets of rows; give rows with values")
    return known


def _trees(rows: Rows, known: Sequence[int], seed: int) -> Any:  # noqa: ANN401
    from sklearn.ensemble import HistGradientBoostingClassifier

    few = [p for p in rows.places("categorical") if len(rows.columns[p].values) < _MOST_CATEGORIES]
    labels = [i for i, place in enumerate(known) if place in few]
    return HistGradientBoostingClassifier(
        max_iter=60,
        learning_rate=0.1,
        min_samples_leaf=10,
        max_leaf_nodes=15,
        categorical_features=labels or None,
        early_stopping=False,
        random_state=seed,
    )
