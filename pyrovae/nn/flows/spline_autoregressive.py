"""Spline autoregressive flow."""

from typing import Self

from ..sizes import Sizes
from .autoregressive import AutoregressiveLayer
from .rational_spline import Order, RationalSpline


class SplineAutoregressive(AutoregressiveLayer):
    """Maps each element by a spline that a network of those before it computes: draws in one pass.

    The network sees the context too. It runs L times to score a z that the layer has not just
    drawn. The order is fixed, so use a mixing layer between two.

    Args:
        dim: L.
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
        >>> layer = SplineAutoregressive(4, context_dim=3, order="linear")
        >>> layer.condition(torch.randn(2, 3))(torch.randn(5, 2, 4)).shape
        torch.Size([5, 2, 4])
    """

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
        super().__init__(dim, context_dim, RationalSpline(order, num_bins, bound), hidden)

    @classmethod
    def example(cls, dim: int, context_dim: int = 0) -> Self:
        return cls(dim, context_dim, hidden=(6,), num_bins=4, bound=3.0)
