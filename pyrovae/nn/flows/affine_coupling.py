"""Affine coupling."""

from typing import Self

import pyro.distributions.transforms as T
from torch import Tensor
from torch.distributions import Transform

from ..sizes import Sizes
from .base import FlowLayer
from .conditioner import Conditioner


class AffineCoupling(FlowLayer):
    r"""Shifts and scales the second half of z by a network of the first half and the context.

    :math:`y_1 = z_1,\ y_2 = z_2 \odot \exp s(z_1, c) + m(z_1, c)`. The network runs once to draw
    and once to score any z. The first half stays unchanged, so use a mixing layer between two.

    Args:
        dim: L >= 2.
        context_dim: C.
        hidden: Widths of the network's hidden layers.

    Source:
        Density Estimation Using Real NVP (Dinh et al., 2017), sec. 3.3,
        https://arxiv.org/abs/1605.08803

    Example:
        >>> import torch
        >>> layer = AffineCoupling(4, context_dim=3)
        >>> z, context = torch.randn(5, 2, 4), torch.randn(2, 3)
        >>> y = layer.condition(context)(z)
        >>> torch.allclose(layer.condition(context).inv(y), z, atol=1e-5)
        True
    """

    min_dim = 2

    def __init__(self, dim: int, context_dim: int = 0, *, hidden: Sizes = (64,)) -> None:
        super().__init__(dim, context_dim)
        dim, context_dim = self.dim, self.context_dim
        self.kept = dim // 2
        self.network = Conditioner(self.kept, context_dim, 2 * (dim - self.kept), hidden)

    @classmethod
    def example(cls, dim: int, context_dim: int = 0) -> Self:
        return cls(dim, context_dim, hidden=(6,))

    def condition(self, context: Tensor | None = None) -> Transform:
        self.check_context(context)
        given = self.network.given(context)

        def shift_and_log_scale(first: Tensor) -> tuple[Tensor, ...]:
            return self.network(first, given).chunk(2, -1)

        return T.AffineCoupling(self.kept, shift_and_log_scale)
