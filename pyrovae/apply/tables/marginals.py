"""How far two sets of rows differ column by column."""

import numpy as np

from .rows import Rows


def marginal_distances(one: Rows, other: Rows) -> np.ndarray:
    """A distance in [0, 1] for each column [D], of the cells that are there; NaN where none are.

    Of numbers it is that of Kolmogorov and Smirnov, the largest difference of the distribution
    functions; of codes it is the total variation, the probability mass that is elsewhere.
    """
    found = []
    for place, column in enumerate(one.columns):
        a, b = (side.values[:, place] for side in (one, other))
        a, b = a[~np.isnan(a)], b[~np.isnan(b)]
        if not len(a) or not len(b):
            found.append(np.nan)
        elif column.is_number:
            at = np.concatenate([a, b])
            below = [
                np.searchsorted(np.sort(side), at, side="right") / len(side) for side in (a, b)
            ]
            found.append(float(np.abs(below[0] - below[1]).max()))
        else:
            codes = np.arange(len(column.values) + 1)  # the last is of all that are not known
            shares = [(side[:, None] == codes).mean(0) for side in (a, b)]
            found.append(float(np.abs(shares[0] - shares[1]).sum() / 2))
    return np.array(found)
