"""How strongly the columns of a table go together, pair by pair."""

import numpy as np

from .rows import Rows

_FEW = 5  # rows with both cells, below which a pair has no number


def associations(rows: Rows) -> np.ndarray:
    """Strength of association of each pair of columns [D, D], NaN where it has no number.

    Of numbers and levels it is Pearson's correlation, in -1..1; of truth values and categories
    Cramer's V; of a number and a category the correlation ratio, the root of the share of the
    variance that lies between categories. The last two are in 0..1. Each is of the rows in which
    both cells are there. Positive numbers are compared by their logarithms, counts by
    log(1 + x).
    """
    labels = set(rows.places("binary", "categorical"))
    found = np.eye(len(rows.columns))
    for i in range(len(found)):
        for j in range(i):
            pair = rows.values[:, [i, j]]
            a, b = pair[~np.isnan(pair).any(1)].T
            if len(a) < _FEW:
                strength = np.nan
            elif i in labels and j in labels:
                strength = cramers_v(a, b)
            elif i in labels or j in labels:
                strength = correlation_ratio(*((a, b) if i in labels else (b, a)))
            else:
                strength = _pearson(a, b)
            found[i, j] = found[j, i] = strength
    return found


def cramers_v(a: np.ndarray, b: np.ndarray) -> float:
    """Cramer's V of codes [N]; NaN where one of them is constant."""
    (rows, i), (columns, j) = np.unique(a, return_inverse=True), np.unique(b, return_inverse=True)
    least = min(len(rows), len(columns)) - 1
    if least < 1:
        return np.nan
    table = np.zeros((len(rows), len(columns)))
    np.add.at(table, (i, j), 1)
    expected = table.sum(1, keepdims=True) * table.sum(0) / len(a)
    return float(np.sqrt(((table - expected) ** 2 / expected).sum() / len(a) / least))


def correlation_ratio(codes: np.ndarray, numbers: np.ndarray) -> float:
    """The correlation ratio of codes and numbers [N]; NaN where the numbers are constant."""
    whole = ((numbers - numbers.mean()) ** 2).sum()
    if whole == 0:
        return np.nan
    groups = [numbers[codes == code] for code in np.unique(codes)]
    between = sum(len(group) * (group.mean() - numbers.mean()) ** 2 for group in groups)
    return float(np.sqrt(between / whole))


def _pearson(a: np.ndarray, b: np.ndarray) -> float:
    if a.std() == 0 or b.std() == 0:
        return np.nan
    return float(np.corrcoef(a, b)[0, 1])
