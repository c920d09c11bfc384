"""Permutation of the dimensions."""

from typing import Literal

import torch
from pyro.distributions import constraints
from torch import Tensor
from torch.distributions import Transform

from ...errors import ConfigError
from .base import FlowLayer


class Permutation(FlowLayer):
    """Permutes the dimensions: a fixed mixing layer.

    Its log-determinant is 0. The order is a buffer: it is saved, moved and loaded with the layer,
    unlike the order of Pyro's `Permute`.

    Args:
        dim: L.
        context_dim: Size of the context, which the order does not depend on.
        order: "random", drawn from torch's generator when built, or "reversed".

    Raises:
        ConfigError: The order is neither.

    Example:
        >>> Permutation(3, order="reversed").condition()(torch.arange(3.0))
        tensor([2., 1., 0.])
    """

    starts_near_identity = False
    takes_context = False
    order: Tensor

    def __init__(
        self, dim: int, context_dim: int = 0, *, order: Literal["random", "reversed"] = "random"
    ) -> None:
        super().__init__(dim, context_dim)
        dim, context_dim = self.dim, self.context_dim
        if order not in ("random", "reversed"):
            raise ConfigError(f"Permutation got order={order!r}; choose 'random' or 'reversed'")
        chosen = torch.randperm(dim) if order == "random" else torch.arange(dim).flip(0)
        self.register_buffer("order", chosen)

    def condition(self, context: Tensor | None = None) -> Transform:
        self.check_context(context)
        return _Reorder(self.order)


class _Reorder(Transform):
    domain = constraints.real_vector
    codomain = constraints.real_vector
    bijective = True

    def __init__(self, order: Tensor) -> None:
        super().__init__(cache_size=1)
        self._order = order

    def _call(self, x: Tensor) -> Tensor:
        return x.index_select(-1, self._order)

    def _inverse(self, y: Tensor) -> Tensor:
        return y.index_select(-1, self._order.argsort())

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return x.new_zeros(x.shape[:-1])
