"""Linear models that are fitted on few labels, with their penalty chosen within these."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

_PENALTIES = np.logspace(-3, 1, 5)  # C of a logistic regression, from strong to none
_FOLDS = 5


def linear_probe(y: np.ndarray, *, seed: int = 0) -> BaseEstimator:
    """A linear model for labels y [n], to be fitted on features [n, F] of the same data.

    Features are standardised. For classes (whole numbers) it is a logistic regression, for values
    a ridge regression. How strongly weights are penalised is chosen by cross-validation in five
    parts of the data that it is fitted on, in as many as the smallest class has data where these
    are fewer; a class of one datum leaves no choice, and the penalty of scikit-learn is taken.

    Args:
        y: Of the data that it will be fitted on.
        seed: Of the parts.

    Example:
        >>> y = np.array([0, 1] * 10)
        >>> bool(linear_probe(y).fit(y[:, None] + 0.1, y).score(y[:, None] + 0.1, y) == 1)
        True
    """
    # Imported late: they take a second.
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LogisticRegression, RidgeCV
    from sklearn.model_selection import GridSearchCV, StratifiedKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    # With no more columns than data, to which a full PCA turns them; penalties do not see that.
    turned = make_pipeline(StandardScaler(), PCA())
    if np.issubdtype(y.dtype, np.floating):
        return make_pipeline(turned, RidgeCV(np.logspace(-3, 5, 17)))
    model = LogisticRegression(max_iter=2000)
    folds = min(_FOLDS, int(np.unique(y, return_counts=True)[1].min()))
    if folds < 2:
        return make_pipeline(turned, model)
    parts = StratifiedKFold(folds, shuffle=True, random_state=seed)
    return make_pipeline(turned, GridSearchCV(model, {"C": _PENALTIES}, cv=parts))
