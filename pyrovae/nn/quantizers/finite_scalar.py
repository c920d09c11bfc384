"""Finite scalar quantisation."""

import math
from typing import Self

import torch
from torch import Tensor

from ..sizes import Sizes, as_sizes
from .base import Quantized, Quantizer, straight_through


class FiniteScalar(Quantizer):
    r"""Bounds each of D dimensions and rounds it to one of L_d levels: FSQ.

    There is no codebook that could collapse, and no penalty. The codes are the
    :math:`\prod_d L_d` points of a grid in [-1, 1]^D; the first dimension changes fastest.
    A dimension is bounded by tanh(z + tan(o / h)) h - o with h = (L - 1)(1 - eps) / 2. For an even
    L, o is 1/2, so there is one more level below zero than above; for an odd L, o is 0.

    The paper recommends, for about 2^8, 2^10, 2^12, 2^14 and 2^16 codes: [8, 6, 5], [8, 5, 5, 5],
    [7, 5, 5, 5, 5], [8, 8, 8, 6, 5] and [8, 8, 8, 5, 5, 5].

    Args:
        levels: L_d for each dimension, two or more.

    Raises:
        ConfigError: There is no dimension, or a level is below two.

    Source:
        Finite Scalar Quantization: VQ-VAE Made Simple (Mentzer et al., 2024), sec. 3 and app.
        A.1, https://arxiv.org/abs/2309.15505

    Example:
        >>> quantizer = FiniteScalar([3, 2])
        >>> quantizer.num_codes, quantizer.codes(torch.tensor([[9.0, -9.0], [0.0, 9.0]]))
        (6, tensor([2, 4]))
        >>> quantizer.embed(torch.tensor([2, 4]))
        tensor([[ 1., -1.], [ 0.,  0.]])
    """

    reach: Tensor
    offset: Tensor
    shift: Tensor
    width: Tensor
    sizes: Tensor
    strides: Tensor

    def __init__(self, levels: Sizes = (8, 5, 5, 5)) -> None:
        levels = as_sizes(levels, "levels", "FiniteScalar", at_least=2)
        sizes = torch.tensor(levels)
        super().__init__(math.prod(levels), len(levels))
        self.levels = levels
        exact = sizes.double()
        reach = (exact - 1) * (1 - _EPS) / 2
        offset = torch.where(exact % 2 == 1, 0.0, 0.5)
        for name, value in (
            ("reach", reach),
            ("offset", offset),
            ("shift", torch.tan(offset / reach)),
            ("width", exact // 2),
        ):
            self.register_buffer(name, value.to(torch.get_default_dtype()), persistent=False)
        self.register_buffer("sizes", sizes, persistent=False)
        self.register_buffer("strides", sizes.cumprod(0) // sizes, persistent=False)

    @classmethod
    def example(cls) -> Self:
        return cls([4, 3])

    def bound(self, z: Tensor) -> Tensor:
        """The level of each dimension before rounding [..., D]."""
        return torch.tanh(z + self.shift) * self.reach - self.offset

    def codes(self, z: Tensor) -> Tensor:
        self.check_vectors(z)
        return self._codes(self.bound(z))

    def embed(self, codes: Tensor) -> Tensor:
        digits = codes[..., None] // self.strides % self.sizes
        return (digits - self.width) / self.width

    def forward(self, z: Tensor) -> Quantized:
        self.check_vectors(z)
        bounded = self.bound(z)
        codes = self._codes(bounded)
        return Quantized(codes, straight_through(self.embed(codes), bounded / self.width))

    def _codes(self, bounded: Tensor) -> Tensor:
        digits = (bounded.detach().round() + self.width).long()
        return (digits * self.strides).sum(-1)

    def extra_repr(self) -> str:
        return f"levels={list(self.levels)}"


_EPS = 1e-3  # keeps the ends of tanh within the outer levels
