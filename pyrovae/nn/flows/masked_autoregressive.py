"""Masked autoregressive flow."""

from collections.abc import Sequence
from typing import Self

from torch import Tensor
from torch.distributions import Transform

from .affine import Affine
from .autoregressive import AutoregressiveLayer


class MaskedAutoregressive(AutoregressiveLayer):
    r"""The inverse of `InverseAutoregressive`: one pass to score any z, L passes to draw.

    :math:`y_i = z_i \exp s_i + m_i` where m and s are of :math:`y_1, \dots, y_{i-1}` and the
    context. Fit for priors, and for densities of data; a guide draws far more often than it
    scores afresh. The order is fixed: put mixing between layers.

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

    def __init__(self, dim: int, context_dim: int = 0, *, hidden: Sequence[int] = (64,)) -> None:
        super().__init__(dim, context_dim, Affine(), hidden)

    @classmethod
    def example(cls, dim: int, context_dim: int = 0) -> Self:
        return cls(dim, context_dim, hidden=(6,))

    def condition(self, context: Tensor | None = None) -> Transform:
        return super().condition(context).inv
