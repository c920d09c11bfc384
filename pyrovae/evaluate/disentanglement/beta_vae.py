"""The metric of beta-VAE."""

import numpy as np
from torch import Tensor

from .base import Rows, checked, standardised


def beta_vae_metric(
    codes: Tensor,
    factors: Tensor,
    *,
    num_votes: int = 10_000,
    num_test_votes: int = 5_000,
    batch_size: int = 64,
    seed: int = 0,
) -> float:
    """Accuracy of predicting which factor two data share from the distance of their codes.

    A vote draws a factor, and pairs of data that agree in it; its feature is the mean over the
    pairs of |z - z'| [L]. A logistic regression (scikit-learn's, C = 1) learns the factor from
    votes, and further votes test it. By chance it is 1 / F. Representations that are not
    disentangled can score high: rotations of the factors do, and one factor may have no code.

    Args:
        codes: [N, L]; scaled to variance one, so that their units do not matter.
        factors: Whole numbers [N, F]; see `factor_vae_metric`.
        num_votes: Votes that the classifier is fitted on.
        num_test_votes: Votes that judge it.
        batch_size: Pairs of a vote, drawn with replacement.
        seed: Of the votes.

    Raises:
        ConfigError: A number is too small.
        DataError: See `disentanglement`.

    Source:
        beta-VAE (Higgins et al., 2017), sec. 3, https://openreview.net/forum?id=Sy2fzU9gl;
        numbers of votes: Locatello et al. (2019), app. C, https://arxiv.org/abs/1811.12359

    Example:
        >>> import torch
        >>> factors = torch.cartesian_prod(torch.arange(4), torch.arange(5))
        >>> beta_vae_metric(factors.flip(1).float(), factors, num_votes=500, num_test_votes=100)
        1.0
    """
    values, columns = checked(codes, factors, "beta_vae_metric")
    rows = Rows(columns, num_votes, num_test_votes, batch_size, seed)
    scaled = standardised(values)
    features = []
    for asked in rows.parts:
        found = []
        for some in rows.chunks(asked):
            first, second = rows.pairs(some)
            found.append(np.abs(scaled[first] - scaled[second]).mean(1))
        features.append(np.concatenate(found))
    (asked, judged), (seen, tested) = rows.parts, features
    # Imported late: it takes a second.
    from sklearn.linear_model import LogisticRegression

    classifier = LogisticRegression(max_iter=1000).fit(seen, asked)
    return float(np.mean(classifier.predict(tested) == judged))
