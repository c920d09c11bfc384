"""Disentanglement, completeness and informativeness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ...runtime.result import Result
from .base import checked, train_and_test, varies

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from sklearn.base import ClassifierMixin


@dataclass(frozen=True, eq=False)
class DCI(Result):
    """Scores from how much each code matters for predicting each factor.

    Attributes:
        disentanglement: One where each code matters for one factor only.
        completeness: One where for each factor one code only matters.
        informativeness: Accuracy on rows that were not fitted, mean over the factors.
        importance: Of each code for each factor [L, F].
        accuracy: By factor [F].
    """

    disentanglement: float
    completeness: float
    informativeness: float
    importance: Tensor
    accuracy: Tensor

    def cells(self) -> list[list[str]]:
        names = ("disentanglement", "completeness", "informativeness")
        return [["score", "value"]] + [[name, f"{getattr(self, name):.3f}"] for name in names]

    def notes(self) -> list[str]:
        return ["informativeness: accuracy on rows that were not fitted, mean over the factors"]

    def records(self) -> list[dict[str, Any]]:
        """A row for each factor."""
        return [
            {"factor": i, "best_code": int(self.importance[:, i].argmax()), "accuracy": accuracy}
            for i, accuracy in enumerate(self.accuracy.tolist())
        ]

    def numbers(self) -> dict[str, Any]:
        return {
            "disentanglement": self.disentanglement,
            "completeness": self.completeness,
            "informativeness": self.informativeness,
            "accuracy": self.accuracy.tolist(),
            "importance": self.importance.tolist(),
        }

    def arrays(self) -> dict[str, Tensor]:
        return {"importance": self.importance}

    def plot(self) -> Figure:
        """How much each code matters for each factor."""
        from ...plots.matrices import matrices  # matplotlib is slow to import

        return matrices({"importance": self.importance})


def dci(
    codes: Tensor,
    factors: Tensor,
    *,
    classifier: ClassifierMixin | None = None,
    test_share: float = 1 / 3,
    seed: int = 0,
) -> DCI:
    """Disentanglement, completeness and informativeness.

    A classifier predicts each factor from all codes. Its importances, of sum one for each factor
    it predicts better than a constant, make the matrix R. A code's disentanglement is one minus
    the entropy of its row (base F), weighted by its share of all importances. A factor's
    completeness is likewise one minus the entropy of its column (base L, without codes that do
    not vary, which would raise every column's score). Where the rows are a whole grid, a factor
    without any influence on the codes is predicted less well than by chance: of data that are
    equal but for it, those that were fitted had the other values.

    Args:
        codes: [N, L].
        factors: Whole numbers [N, F].
        classifier: Any of scikit-learn that has `feature_importances_` once fitted; a copy is
            fitted for each factor. None is a random forest of 20 trees that look at all codes in
            each split and keep 5 rows or more in each leaf, importances by the Gini impurity.
            `GradientBoostingClassifier()` is the one of Locatello et al. (2019), minutes slower.
        test_share: Of the rows, kept to judge the accuracy.
        seed: Of these rows and of the default classifier.

    Raises:
        DataError: See `disentanglement`.

    Source:
        A Framework for the Quantitative Evaluation of Disentangled Representations (Eastwood &
        Williams, 2018), sec. 2, https://openreview.net/forum?id=By-7dz-AZ; informativeness as an
        accuracy: Locatello et al. (2019), app. C, https://arxiv.org/abs/1811.12359

    Example:
        >>> factors = torch.cartesian_prod(torch.arange(4), torch.arange(5)).repeat(20, 1)
        >>> found = dci(factors.flip(1).float(), factors)
        >>> round(found.disentanglement, 3), round(found.completeness, 3), found.informativeness
        (1.0, 1.0, 1.0)
    """
    from sklearn.base import clone  # imported late: it takes a second
    from sklearn.ensemble import RandomForestClassifier

    values, columns = checked(codes, factors, "dci")
    train, test = train_and_test(len(values), test_share, seed)
    if classifier is None:
        classifier = RandomForestClassifier(
            20, max_features=None, min_samples_leaf=5, random_state=seed
        )
    importance, accuracy = [], []
    for factor in columns.T:
        fitted = clone(classifier).fit(values[train], factor[train])
        importance.append(fitted.feature_importances_)
        accuracy.append(np.mean(fitted.predict(values[test]) == factor[test]))
    matrix = np.array(importance).T
    return DCI(
        disentanglement=_concentration(matrix),
        completeness=_concentration(matrix[varies(values)].T),
        informativeness=float(np.mean(accuracy)),
        importance=torch.from_numpy(matrix),
        accuracy=torch.tensor(accuracy, dtype=torch.float64),
    )


def _concentration(matrix: np.ndarray) -> float:
    """One minus the entropy of each row in the base of its length, weighted by the rows' sums."""
    weights = matrix.sum(1)
    if weights.sum() == 0:
        return 0.0  # no code predicts any factor
    if matrix.shape[1] == 1:
        return 1.0
    from scipy.special import entr  # imported late, as sklearn is

    shares = matrix / np.where(weights > 0, weights, 1.0)[:, None]
    concentration = 1 - entr(shares).sum(1) / np.log(matrix.shape[1])
    return float(weights @ concentration / weights.sum())
