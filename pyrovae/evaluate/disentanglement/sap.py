"""Separated attribute predictability."""

import numpy as np
from torch import Tensor

from .base import Gaps, checked, gaps_of, standardised, train_and_test


def sap(
    codes: Tensor,
    factors: Tensor,
    *,
    regularisation: float = 0.01,
    test_share: float = 1 / 3,
    seed: int = 0,
) -> Gaps:
    """Separated attribute predictability: gap between the two codes that predict a factor best.

    Each code alone predicts each factor by a linear support vector machine, one class against the
    others, of balanced weights; entries of the matrix are its accuracies on rows that were not
    fitted. A code without information is still right by chance, so the best score is one less
    the accuracy by chance: a half for factors of two values. One threshold per class on one line
    cannot tell many values apart: for factors of more than three values even the factors
    themselves score far lower. Compare models by this score, not this score with others.

    Args:
        codes: [N, L]; scaled to variance one, so that their units do not matter.
        factors: Whole numbers [N, F].
        regularisation: C of scikit-learn's `LinearSVC` (squared hinge loss).
        test_share: Of the rows, kept to judge the accuracy.
        seed: Of these rows.

    Raises:
        DataError: See `disentanglement`.

    Source:
        Variational Inference of Disentangled Latent Concepts from Unlabeled Observations (Kumar
        et al., 2018), sec. 3, https://arxiv.org/abs/1711.00848; C = 0.01 and balanced weights:
        Locatello et al. (2019), app. C, https://arxiv.org/abs/1811.12359

    Example:
        >>> import torch
        >>> factors = torch.cartesian_prod(torch.arange(2), torch.arange(2)).repeat(500, 1)
        >>> 0.4 < sap(factors.float(), factors).score < 0.6
        True
    """
    from sklearn.svm import LinearSVC  # imported late: it takes a second

    values, columns = checked(codes, factors, "sap")
    train, test = train_and_test(len(values), test_share, seed)
    values = standardised(values)
    matrix = np.empty((values.shape[1], columns.shape[1]))
    for i, code in enumerate(values.T):
        for j, factor in enumerate(columns.T):
            machine = LinearSVC(C=regularisation, class_weight="balanced", dual=False)
            machine.fit(code[train, None], factor[train])
            matrix[i, j] = np.mean(machine.predict(code[test, None]) == factor[test])
    return gaps_of(matrix)
