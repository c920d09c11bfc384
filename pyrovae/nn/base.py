"""What the networks share: shapes, leading axes, and building a network for shapes."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from ..errors import ConfigError, ShapeError, first_line
from .factories import accepts
from .likelihoods.base import Likelihood as Likelihood
from .sizes import Shape as Shape
from .sizes import as_shape as as_shape

Network: TypeAlias = nn.Module | Callable[[Shape, Shape], nn.Module]


class OneBatchAxis(nn.Module):
    """Lets a network that takes one batch axis run under any number of leading axes.

    Vectorised particles add an axis left of the batch: a decoder sees [K, B, L], and convolutions
    refuse [K, B, C, H, W]. This module flattens the leading axes into one, applies `net`, and
    restores them in its output, a tensor or a tuple of tensors. There may be no leading axis.

    It misleads with layers that mix the batch, such as BatchNorm: they see K * B data, not B.

    Args:
        net: Maps [N, *event] to [N, *out], or to a tuple of such tensors.
        event_dim: Number of axes of one input: 3 for an image [C, H, W], 1 for a vector.

    Raises:
        ShapeError: The input has fewer axes than `event_dim`, or `net` does not keep N first.

    Example:
        >>> net = OneBatchAxis(nn.Conv2d(1, 4, kernel_size=3), event_dim=3)
        >>> net(torch.zeros(5, 2, 1, 8, 8)).shape  # K = 5 particles of B = 2 images
        torch.Size([5, 2, 4, 6, 6])
    """

    def __init__(self, net: nn.Module, event_dim: int) -> None:
        super().__init__()
        self.net = net
        self.event_dim = event_dim

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        return one_batch_axis(self.net, x, self.event_dim)

    def extra_repr(self) -> str:
        return f"event_dim={self.event_dim}"


def one_batch_axis(net: Callable[[Tensor], Any], x: Tensor, event_dim: int) -> Any:  # noqa: ANN401
    """Apply `net` to x [..., *event] with all leading axes flattened into one: `OneBatchAxis`."""
    split = x.dim() - event_dim
    if split < 0:
        raise ShapeError(
            f"a network got an input of shape {tuple(x.shape)}, which needs at least "
            f"event_dim={event_dim} axes; give it [..., *event]"
        )
    lead, event = x.shape[:split], x.shape[split:]
    out = net(x.reshape(lead.numel(), *event))
    if isinstance(out, tuple):
        return tuple(_restore(y, lead) for y in out)
    return _restore(out, lead)


def build(network: Network, in_shape: Shape | int, out_shape: Shape | int) -> nn.Module:
    """A module as it is, or what a factory builds for these shapes.

    Args:
        network: A module, or a callable `network(in_shape, out_shape)` that returns one, such as
            the class `MLP` or `functools.partial(MLP, hidden=(200, 200))`.
        in_shape: Event shape of the input.
        out_shape: Event shape of the output.

    Raises:
        ConfigError: The factory does not take two shapes, or did not return a module.

    Example:
        >>> from pyrovae.nn import MLP
        >>> build(MLP, (1, 8, 8), 2)(torch.zeros(3, 1, 8, 8)).shape
        torch.Size([3, 2])
    """
    if isinstance(network, nn.Module):
        return network
    name = _named(network)
    if not accepts(network, 2):
        raise ConfigError(
            f"{name} cannot be called with (in_shape, out_shape), as a factory of networks is; "
            f"give a torch.nn.Module, such as {name}(...) with its own arguments"
        )
    shapes = as_shape(in_shape, "in_shape"), as_shape(out_shape, "out_shape")
    try:
        built = network(*shapes)
    except TypeError as error:
        raise ConfigError(
            f"the network factory {name} failed for in_shape={shapes[0]} and out_shape="
            f"{shapes[1]}: {first_line(error)}; give a torch.nn.Module, such as {name}(...) with "
            "its own arguments, or a factory that takes these two tuples"
        ) from error
    if not isinstance(built, nn.Module):
        raise ConfigError(
            f"the network factory {_named(network)} returned a {type(built).__name__}; it must "
            "return a torch.nn.Module, or be one itself"
        )
    return built


def _named(factory: object) -> str:
    """Its name; of a partial that of the class it makes, as the command line wraps one."""
    if not isinstance(factory, partial):
        return getattr(factory, "__name__", repr(factory))
    made = [each for each in (factory.func, *factory.args) if inspect.isclass(each)]
    return made[0].__name__ if made else _named(factory.func)


def _restore(y: Tensor, lead: torch.Size) -> Tensor:
    if y.dim() == 0 or y.shape[0] != lead.numel():
        raise ShapeError(
            f"a network got {lead.numel()} data and gave shape {tuple(y.shape)}; it must keep the "
            "batch axis first, [N, *out]"
        )
    return y.reshape(*lead, *y.shape[1:])


def flatten_event(x: Tensor, shape: Shape, where: str) -> Tensor:
    """Flattens the event axes of x, [..., *shape] -> [..., D].

    Raises:
        ShapeError: x does not end in `shape`; `where` names the network in the message.
    """
    check_event(x, shape, where)
    return x.reshape(x.shape[: x.dim() - len(shape)] + (math.prod(shape),))


def check_event(x: Tensor, shape: Shape, where: str) -> None:
    """Check that an input ends in `shape`.

    Raises:
        ShapeError: It does not; `where` names the network in the message.
    """
    split = x.dim() - len(shape)
    if split < 0 or tuple(x.shape[split:]) != shape:
        raise ShapeError(
            f"{where} got an input of shape {tuple(x.shape)}, which should end in {shape}; "
            "reshape the input or build the network for its shape"
        )
