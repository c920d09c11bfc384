"""Several layers as one."""

import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Self, cast

from pyro.distributions.conditional import ConditionalTransform
from torch import Tensor, nn
from torch.distributions import ComposeTransform, Transform

from ...errors import ConfigError
from ..factories import accepts, takes_context
from ..sizes import as_size
from .adapted import Adapted
from .base import FlowLayer, Layer, LayerFactory
from .permutation import Permutation
from .radial import Radial


class Chain(FlowLayer):
    """Applies several layers in turn; scores any z if all of them do.

    All layers see the same context.

    Args:
        dim: L.
        context_dim: C.
        layers: First to last, each of them what `as_layer` takes.

    Example:
        >>> import torch
        >>> from pyrovae.nn.flows import AffineCoupling, Permutation
        >>> layer = Chain(4, layers=[AffineCoupling, Permutation, AffineCoupling])
        >>> layer.condition()(torch.zeros(3, 4)).shape
        torch.Size([3, 4])
    """

    def __init__(self, dim: int, context_dim: int = 0, *, layers: Sequence[LayerFactory]) -> None:
        super().__init__(dim, context_dim)
        parts = [as_layer(layer, self.dim, self.context_dim) for layer in layers]
        self.scores_any = all(part.scores_any for part in parts)
        self.starts_near_identity = all(part.starts_near_identity for part in parts)
        self.takes_context = any(part.takes_context for part in parts)
        self.layers = nn.ModuleList(parts)

    @classmethod
    def example(cls, dim: int, context_dim: int = 0) -> Self:
        return cls(dim, context_dim, layers=[Radial, Permutation, Radial])

    def condition(self, context: Tensor | None = None) -> Transform:
        layers = cast(Iterable[FlowLayer], self.layers)
        return ComposeTransform([layer.condition(context) for layer in layers])


def chain(*layers: Layer) -> LayerFactory:
    """A factory of the chain of these layers, for arguments that take one layer.

    Example:
        >>> from pyrovae.nn.flows import AffineCoupling, Permutation
        >>> chain(AffineCoupling, Permutation)(4, 0).scores_any
        True
    """
    return partial(Chain, layers=layers)


def as_layer(layer: Layer, dim: int, context_dim: int = 0) -> FlowLayer:
    """A layer of this library, or anything else that maps vectors, as a layer.

    Args:
        layer: A layer; a factory, which is called with (dim, context_dim) if it takes a context,
            else with (dim); a transform of torch or Pyro, conditional or not, a module that makes
            transforms, such as zuko's; or a list of these, applied in turn.
        dim: L.
        context_dim: C.

    Raises:
        ConfigError: It is none of these, or does not map vectors [N, L].

    Example:
        >>> import pyro.distributions.transforms as T
        >>> as_layer(T.conditional_affine_coupling, 4, 3).context_dim
        3
    """
    if isinstance(layer, FlowLayer):
        if (layer.dim, layer.context_dim) != (dim, context_dim):
            raise ConfigError(
                f"a flow of dim={dim} and context_dim={context_dim} got a {type(layer).__name__} "
                f"of dim={layer.dim} and context_dim={layer.context_dim}; give its class"
            )
        return layer
    if isinstance(layer, list | tuple):
        return Chain(dim, context_dim, layers=layer)
    if isinstance(layer, Transform | ConditionalTransform | nn.Module):
        return Adapted(dim, context_dim, layer)
    if not callable(layer):
        raise ConfigError(
            f"{layer!r} is no layer of a flow; give a class of pyrovae.nn.flows, a transform of "
            "torch, Pyro or zuko, or a function that makes one"
        )
    make: Callable[..., Layer] = layer
    sizes = (dim, context_dim) if takes_context(make) else (dim,)
    with warnings.catch_warnings():
        # Of networks of a context of size 0.
        warnings.filterwarnings("ignore", message="Initializing zero-element tensors")
        made = make(*sizes) if accepts(make, len(sizes)) else make()
    if not isinstance(made, list | tuple | Transform | ConditionalTransform | nn.Module):
        raise ConfigError(
            f"the factory of layers {make!r} gave a {type(made).__name__}; it has to give a "
            "transform"
        )
    return as_layer(made, dim, context_dim)


def stacked(layer: Layer, num_layers: int | None, mixing: Layer | None) -> LayerFactory:
    """A factory of `num_layers` layers with `mixing` between them.

    Layers that are there already, and lists of layers, are applied once, in turn.

    Args:
        layer: See `as_layer`.
        num_layers: How many; None: four.
        mixing: Makes the layer between two; None for none.

    Raises:
        ConfigError: There is no layer, or one that is there already is to be repeated.
    """
    if isinstance(layer, type) or not isinstance(
        layer, list | tuple | Transform | ConditionalTransform | nn.Module
    ):
        count = 4 if num_layers is None else as_size(num_layers, "num_layers", "a flow")
        between = [] if mixing is None else [mixing]
        return chain(*[layer, *between] * (count - 1), layer)
    if num_layers not in (None, 1):
        raise ConfigError(
            f"a flow got num_layers={num_layers} and layers that are there already, which would "
            "share their weights; give a factory of layers, or leave num_layers out"
        )
    return chain(*layer) if isinstance(layer, list | tuple) else chain(layer)
