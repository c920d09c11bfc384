"""Codebook of moving averages."""

import torch
from torch import Tensor

from .codebook import Codebook


class MovingAverageCodebook(Codebook):
    r"""A codebook whose vectors are moving averages of the encodings that took them.

    With n_i encodings z of a batch nearest to code i and a decay g,
    :math:`N_i \leftarrow g N_i + (1 - g) n_i`, :math:`m_i \leftarrow g m_i + (1 - g) \sum z` and
    e_i = m_i / N_i. It moves faster than by gradient and needs no learning rate. Counts are kept
    as shares of a batch (`share`), in which batches of any size count alike, and m_i as N_i e_i,
    which stays sound where a code is never used. Nothing here is a parameter.

    Args:
        num_codes: n.
        dim: D.
        commitment: See `Codebook`, as for the remaining arguments.

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
