"""The metric of FactorVAE."""

import numpy as np
from torch import Tensor

from .base import Rows, checked, standardised, varies


def factor_vae_metric(
    codes: Tensor,
    factors: Tensor,
    *,
    num_votes: int = 10_000,
    num_test_votes: int = 5_000,
    batch_size: int = 64,
    seed: int = 0,
) -> float:
    """Accuracy of predicting which factor was held fixed from which code varied least.

    A vote draws a factor, one of its values, and a batch of data with that value; its feature is
    the code of the least variance in the batch, relative to that over all data. The majority of
    the votes assigns a factor to each code, and further votes judge it. Codes that do not vary at
    all are left out. At chance it is 1 / F.

    Args:
        codes: [N, L].
        factors: Whole numbers [N, F]. Data are drawn from these rows: where they are all
            combinations of the factors, or many random ones, as if from the generative process.
        num_votes: Votes that make the majority.
        num_test_votes: Votes that judge it.
        batch_size: Data of a vote, drawn with replacement.
        seed: Of the votes.

    Raises:
        ConfigError: A number is too small.
        DataError: See `disentanglement`.

    Source:
        Disentangling by Factorising (Kim & Mnih, 2018), sec. 4, https://arxiv.org/abs/1802.05983;
        numbers of votes: Locatello et al. (2019), app. C, https://arxiv.org/abs/1811.12359

    Example:
        >>> import torch
        >>> factors = torch.cartesian_prod(torch.arange(4), torch.arange(5))
        >>> factor_vae_metric(factors.flip(1).float(), factors)
        1.0
    """
    values, columns = checked(codes, factors, "factor_vae_metric")
    rows = Rows(columns, num_votes, num_test_votes, batch_size, seed)
    scaled = standardised(values)[:, varies(values)]
    ballots = []
    for asked in rows.parts:
        if scaled.shape[1] == 0:
            ballots.append(np.zeros(len(asked), dtype=int))
            continue
        each = np.concatenate([scaled[rows.alike(some)].var(1) for some in rows.chunks(asked)])
        ballots.append(each.argmin(1))
    (asked, judged), (votes, tested) = rows.parts, ballots
    counts = np.zeros((max(1, scaled.shape[1]), columns.shape[1]), dtype=int)
    np.add.at(counts, (votes, asked), 1)
    return float(np.mean(counts.argmax(1)[tested] == judged))
