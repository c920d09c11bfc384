"""Spline coupling."""

from typing import Self

from torch import Tensor
from torch.distributions import Transform

from ..sizes import Sizes
from .base import FlowLayer
from .conditioner import Conditioner
from .coupling import Coupling
from .rational_spline import Order, RationalSpline


class SplineCoupling(FlowLayer):
    """Maps the second half of z by splines that a network of the first half computes.

    The network sees the context too. It runs once to draw and once to score any z. The first half
    stays unchanged, so use a mixing layer between two.

    Args:
        dim: L >= 2.
        context_dim: C.
        hidden: Widths of the network's hidden layers.
        order: Degree of the quotients: "quadratic" or "linear".
        num_bins: Number of bins of a spline.
        bound: The splines map [-bound, bound] onto itself and are the identity beyond.

    Raises:
        ConfigError: The order is neither, or a number is too small.

    Source:
        Neural Spline Flows (Durkan et al., 2019), sec. 3.2, https://arxiv.org/abs/1906.04032

    Example:
        >>> import torch
        >>> layer = SplineCoupling(4, context_dim=3).double()
        >>> z, context = torch.randn(5, 2, 4).double(), torch.randn(2, 3).double()
        >>> y = layer.condition(context)(z)
        >>> torch.allclose(layer.condition(context).inv(y), z)
        True
    """

    min_dim = 2

    def __init__(
        self,
        dim: int,
        context_dim: int = 0,
        *,
        hidden: Sizes = (64,),
        order: Order = "quadratic",
        num_bins: int = 8,
        bound: float = 5.0,
    ) -> None:
        super().__init__(dim, context_dim)
        dim, context_dim = self.dim, self.context_dim
        self.kept = dim // 2
        self.of = RationalSpline(order, num_bins, bound)
        out_dim = (dim - self.kept) * self.of.num_params
        self.network = Conditioner(self.kept, context_dim, out_dim, hidden)

    @classmethod
    def example(cls, dim: int, context_dim: int = 0) -> Self:
        return cls(dim, context_dim, hidden=(6,), num_bins=4, bound=3.0)

    def condition(self, context: Tensor | None = None) -> Transform:
        self.check_context(context)
        return Coupling(self.of, self.network, self.network.given(context), self.kept)
