"""Several layers as one."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Self, cast

from torch import Tensor, nn
from torch.distributions import ComposeTransform, Transform

from ..sizes import as_size
from .base import FlowLayer, LayerFactory
from .permutation import Permutation
from .radial import Radial


class Chain(FlowLayer):
    """Applies several layers in turn; scores any z if all of them do.

    All layers see the same context.

    Args:
        dim: L.
        context_dim: C.
        layers: Factories, first to last.

    Example:
        >>> import torch
        >>> from pyrovae.nn.flows import AffineCoupling, Permutation
        >>> layer = Chain(4, layers=[AffineCoupling, Permutation, AffineCoupling])
        >>> layer.condition()(torch.zeros(3, 4)).shape
        torch.Size([3, 4])
    """

    def __init__(self, dim: int, context_dim: int = 0, *, layers: Sequence[LayerFactory]) -> None:
        super().__init__(dim, context_dim)
        parts = [make(dim, context_dim) for make in layers]
        self.scores_any = all(part.scores_any for part in parts)
        self.starts_near_identity = all(part.starts_near_identity for part in parts)
        self.layers = nn.ModuleList(parts)

    @classmethod
    def example(cls, dim: int, context_dim: int = 0) -> Self:
        return cls(dim, context_dim, layers=[Radial, Permutation, Radial])

    def condition(self, context: Tensor | None = None) -> Transform:
        layers = cast(Iterable[FlowLayer], self.layers)
        return ComposeTransform([layer.condition(context) for layer in layers])


def chain(*layers: LayerFactory) -> LayerFactory:
    """A factory of the chain of these layers, for arguments that take one layer.

    Example:
        >>> from pyrovae.nn.flows import AffineCoupling, Permutation
        >>> chain(AffineCoupling, Permutation)(4, 0).scores_any
        True
    """
    return partial(Chain, layers=layers)


def stacked(layer: LayerFactory, num_layers: int, mixing: LayerFactory | None) -> LayerFactory:
    """A factory of `num_layers` layers with `mixing` between them.

    Raises:
        ConfigError: There is no layer.
    """
    num_layers = as_size(num_layers, "num_layers", "a flow")
    between = [] if mixing is None else [mixing]
    return chain(*[layer, *between] * (num_layers - 1), layer)
