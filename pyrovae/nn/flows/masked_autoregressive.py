"""Masked autoregressive flow."""

from typing import Self

from torch import Tensor
from torch.distributions import Transform

from ..sizes import Sizes
from .affine import Affine
from .autoregressive import AutoregressiveLayer


class MaskedAutoregressive(AutoregressiveLayer):
    r"""The inverse of `InverseAutoregressive`: scores any z in one pass, draws in L passes.

    :math:`y_i = z_i \exp s_i + m_i`. A network computes m and s from :math:`y_1, \dots, y_{i-1}`
    and the context. It suits priors and densities of data, which score more often than they
    draw. The order is fixed, so use a mixing layer between two.

    Args:
        dim: L.
        context_dim: C.
        hidden: Widths of the network's hidden layers; with none it is affine.

    Source:
        Masked Autoregressive Flow for Density Estimation (Papamakarios et al., 2017), sec. 3.1,
        https://arxiv.org/abs/1705.07057

    Example:
        >>> import torch
        >>> layer = MaskedAutoregressive(4)
        >>> layer.condition()(torch.randn(5, 4)).shape
        torch.Size([5, 4])
    """

    def __init__(self, dim: int, context_dim: int = 0, *, hidden: Sizes = (64,)) -> None:
        super().__init__(dim, context_dim, Affine(), hidden)

    @classmethod
    def example(cls, dim: int, context_dim: int = 0) -> Self:
        return cls(dim, context_dim, hidden=(6,))

    def condition(self, context: Tensor | None = None) -> Transform:
        return super().condition(context).inv
