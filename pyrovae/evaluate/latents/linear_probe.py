"""Linear models that are fitted on few labels, with their penalty chosen within these."""

from typing import Any, Literal, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

Standardise = Literal["together", "each"]
"""Whether features are divided by one scale, which keeps small ones small, or each by its own."""

_PENALTIES = np.logspace(-3, 1, 5)  # C of a logistic regression, from strong to weak
_FOLDS = 5


def linear_probe(
    y: np.ndarray, *, standardise: Standardise = "together", seed: int = 0
) -> BaseEstimator:
    """A linear model for labels y [n], to be fitted on features [n, F] of the same data.

    For classes (whole numbers) it is a logistic regression, for real numbers a ridge regression.
    How strongly weights are penalised is chosen by cross-validation in five parts of the data that
    it is fitted on, in as many as the smallest class has data where these are fewer; a class of
    one datum leaves no choice, and the penalty of scikit-learn is taken.

    Features are centred and divided by their root mean square over all of them, "together". Units
    that a VAE does not use have posterior means near 0; divided "each" by its own deviation, they
    weigh as much as the others, and what little they hold is noise. The same goes for the last
    principal components, and for pixels at the edge of images.

    Args:
        y: Of the data that it will be fitted on.
        standardise: See above.
        seed: Of the parts.

    Example:
        >>> y = np.array([0, 1] * 10)
        >>> bool(linear_probe(y).fit(y[:, None] + 0.1, y).score(y[:, None] + 0.1, y) == 1)
        True
    """
    scaler = StandardScaler() if standardise == "each" else _OneScale()
    # With no more columns than data, to which a full PCA turns them; penalties do not see that.
    turned = make_pipeline(scaler, PCA())
    if np.issubdtype(y.dtype, np.floating):
        return make_pipeline(turned, RidgeCV(np.logspace(-3, 5, 17)))
    model = LogisticRegression(max_iter=2000)
    folds = min(_FOLDS, int(np.unique(y, return_counts=True)[1].min()))
    if folds < 2:
        return make_pipeline(turned, model)
    parts = StratifiedKFold(folds, shuffle=True, random_state=seed)
    return make_pipeline(turned, GridSearchCV(model, {"C": _PENALTIES}, cv=parts))


class _OneScale(StandardScaler):
    """Centres each feature, and divides all by one scale."""

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:  # noqa: ANN401, N803
        super().fit(X, y, sample_weight)
        self.scale_ = np.full_like(self.var_, np.sqrt(self.var_.mean()) or 1.0)
        return self
