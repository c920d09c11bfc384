"""Whether made rows are closer to the training rows than other real rows are."""

from typing import NamedTuple

import numpy as np

from .rows import Rows

_AT_ONCE = 2**22  # distances that are held at once


class Copies(NamedTuple):
    """How close made rows come to the training rows, beside held-out real rows.

    Attributes:
        closer: Probability that a made row is closer to its closest training row than a held-out
            row is to its own, ties counted half: 1/2 where neither is.
        p: Probability of as much where both are as close (Mann and Whitney, one-sided).
        copied: Share of the made rows that equal a training row in all cells that both have.
        held_out_copied: That share of the held-out rows.
        copied_p: Probability of such a difference of these shares or a larger one where they are
            equal (Fisher's exact test).
        median: Median distance of made rows to their closest training row.
        held_out_median: Of held-out rows.
    """

    closer: float
    p: float
    copied: float
    held_out_copied: float
    copied_p: float
    median: float
    held_out_median: float

    @property
    def found(self) -> bool:
        """Whether made rows copy training rows, at one in a thousand for either sign of it."""
        return min(self.p, self.copied_p) < 1e-3


def copies(train: Rows, made: Rows, held_out: Rows) -> Copies:
    """Compare made and held-out rows by their distance to the closest training row."""
    from scipy.stats import fisher_exact, mannwhitneyu

    each = [closest_distances(side, train) for side in (made, held_out)]
    one, other = (d[np.isfinite(d)] for d in each)
    if not len(one) or not len(other):
        return Copies(*[np.nan] * 7)
    test = mannwhitneyu(one, other, alternative="less")
    same = [int((d == 0).sum()) for d in (one, other)]
    table = [[same[0], len(one) - same[0]], [same[1], len(other) - same[1]]]
    return Copies(
        closer=1 - float(test.statistic) / len(one) / len(other),
        p=float(test.pvalue),
        copied=same[0] / len(one),
        held_out_copied=same[1] / len(other),
        copied_p=float(fisher_exact(table, alternative="greater")[1]),
        median=float(np.median(one)),
        held_out_median=float(np.median(other)),
    )


def closest_distances(rows: Rows, train: Rows) -> np.ndarray:
    """The distance of each row to its closest training row [N], infinite where none compares.

    It is Gower's: the mean over the cells that both have of |a - b| over the range of the training
    rows (numbers and levels), or of 0 for equal and 1 for different codes. Two rows compare where
    they have three quarters of the cells in common that a training row has on average: of fewer
    cells, rows are equal by chance.

    Source:
        A General Coefficient of Similarity and Some of Its Properties (Gower, 1971)
    """
    labels = set(rows.places("binary", "categorical"))
    least = 0.75 * float((~np.isnan(train.values)).sum(1).mean())
    size = max(1, _AT_ONCE // max(len(train), 1))
    found = []
    for start in range(0, len(rows), size):
        block = rows.values[start : start + size]
        total = np.zeros((len(block), len(train)))
        common = np.zeros_like(total)
        for place in range(len(rows.columns)):
            a, b = block[:, place, None], train.values[None, :, place]
            gap = np.abs(a - b)
            if place in labels:
                apart = np.where(np.isnan(gap), np.nan, gap > 0)
            else:
                reach = np.nanmax(b) - np.nanmin(b)
                apart = gap / (reach if reach > 0 else 1.0)
            total += np.nan_to_num(apart)
            common += ~np.isnan(apart)
        with np.errstate(invalid="ignore", divide="ignore"):
            distance = np.where(common >= least, total / common, np.inf)
        found.append(distance.min(1))
    return np.concatenate(found)
