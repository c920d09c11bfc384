"""Elementwise spline flow."""

from typing import Self

from torch import Tensor
from torch.distributions import Transform

from .base import Amortised, FlowLayer
from .elementwise import EachElement
from .rational_spline import Order, RationalSpline


class Spline(FlowLayer):
    """Maps each element by its own monotone spline: one pass in either direction.

    It does not mix the elements, so use a mixing layer between two.

    Args:
        dim: L.
        context_dim: C.
        order: Degree of the quotients: "quadratic" or "linear".
        num_bins: Number of bins of a spline.
        bound: The splines map [-bound, bound] onto itself and are the identity beyond.

    Raises:
        ConfigError: The order is neither, or a number is too small.

    Source:
        Neural Spline Flows (Durkan et al., 2019), https://arxiv.org/abs/1906.04032

    Example:
        >>> import torch
        >>> layer = Spline(4).double()
        >>> z = torch.randn(5, 4).double()
        >>> torch.allclose(layer.condition().inv(layer.condition()(z)), z)
        True
    """

    def __init__(
        self,
        dim: int,
        context_dim: int = 0,
        *,
        order: Order = "quadratic",
        num_bins: int = 8,
        bound: float = 5.0,
    ) -> None:
        super().__init__(dim, context_dim)
        dim, context_dim = self.dim, self.context_dim
        self.of = RationalSpline(order, num_bins, bound)
        self.params = Amortised((dim, self.of.num_params), context_dim)

    @classmethod
    def example(cls, dim: int, context_dim: int = 0) -> Self:
        return cls(dim, context_dim, num_bins=4, bound=3.0)

    def condition(self, context: Tensor | None = None) -> Transform:
        self.check_context(context)
        return EachElement(self.of, self.params(context))
