"""Codebook of moving averages."""

import torch
from torch import Tensor

from .codebook import Codebook


class MovingAverageCodebook(Codebook):
    r"""A codebook of moving averages: each vector is the mean of the encodings nearest to it.

    For the n_i encodings z of a batch that are nearest to code i, and a decay g,
    :math:`N_i \leftarrow g N_i + (1 - g) n_i`, :math:`m_i \leftarrow g m_i + (1 - g) \sum z` and
    e_i = m_i / N_i. It moves faster than by gradients and needs no learning rate. Counts are
    stored as shares of a batch (`share`), so batches of any size have equal weight. m_i is stored
    as N_i e_i, which is defined for unused codes too. There are no parameters.

    Args:
        num_codes: n.
        dim: D.
        commitment: See `Codebook` for this and the other arguments.

    Source:
        Neural Discrete Representation Learning (van den Oord et al., 2017), app. A.1,
        https://arxiv.org/abs/1711.00937

    Example:
        >>> quantizer = MovingAverageCodebook(8, 2)
        >>> quantizer.start(torch.randn(100, 2))
        >>> found = quantizer(torch.randn(5, 3, 2))
        >>> found.codes.shape, sorted(found.penalties)
        (torch.Size([5, 3]), ['commitment'])
    """

    def moved(self, share: Tensor) -> Tensor:
        rate = (1 - self.decay) / share.clamp_min(torch.finfo(share.dtype).tiny)
        towards = self.new_total - self.new_share[:, None] * self.codebook
        return self.codebook + rate[:, None] * towards
