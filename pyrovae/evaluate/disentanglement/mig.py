"""Mutual information gap."""

import numpy as np
from torch import Tensor

from ...errors import ConfigError
from .base import Gaps, checked, gaps_of


def mig(codes: Tensor, factors: Tensor, *, bins: int | None = 20) -> Gaps:
    r"""Mutual information gap: for each factor, between the two codes most informative of it.

    :math:`\frac1F\sum_f (I(z_{i_1}; v_f) - I(z_{i_2}; v_f)) / H(v_f)`, with the mutual
    information of the counts. It is one where one code alone determines each factor, and zero
    where two codes have the same information. The mutual information of few rows is too high by
    about (bins - 1)(values - 1) / 2N nats, most of which cancels in the gap.

    The paper takes the information between factor and a draw of q(z|x). With posterior means as
    codes, as is usual, the noise of q(z|x) has no influence.

    Args:
        codes: [N, L].
        factors: Whole numbers [N, F].
        bins: Equal bins between the least and the largest value of each code. None counts each
            distinct value by itself.

    Raises:
        ConfigError: `bins` is below two.
        DataError: See `disentanglement`.

    Source:
        Isolating Sources of Disentanglement in Variational Autoencoders (Chen et al., 2018),
        sec. 4.1, https://arxiv.org/abs/1802.04942; 20 bins: Challenging Common Assumptions in the
        Unsupervised Learning of Disentangled Representations (Locatello et al., 2019), app. C,
        https://arxiv.org/abs/1811.12359

    Example:
        >>> import torch
        >>> factors = torch.cartesian_prod(torch.arange(2), torch.arange(3))
        >>> round(mig(factors.flip(1).float(), factors).score, 6)
        1.0
    """
    if bins is not None and bins < 2:
        raise ConfigError(f"mig got bins={bins}; needs 2 or more, or None for discrete codes")
    values, columns = checked(codes, factors, "mig")
    binned = [_binned(code, bins) for code in values.T]
    from sklearn.metrics import mutual_info_score  # imported late: it takes a second

    shares = [
        [mutual_info_score(factor, code) / mutual_info_score(factor, factor) for code in binned]
        for factor in columns.T
    ]
    return gaps_of(np.clip(np.array(shares).T, 0.0, 1.0))


def _binned(code: np.ndarray, bins: int | None) -> np.ndarray:
    """Index of the bin of each value [N]."""
    if bins is None:
        return np.unique(code, return_inverse=True)[1]
    low, high = code.min(), code.max()
    if high == low:
        return np.zeros(len(code), dtype=int)
    return np.minimum((code - low) / (high - low) * bins, bins - 1).astype(int)
