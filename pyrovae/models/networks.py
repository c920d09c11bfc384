"""Networks of a user's own: plain functions as modules, and calls that explain a failure."""

import re
from collections.abc import Callable
from copy import deepcopy
from typing import Any, NoReturn, cast

import torch
from torch import Tensor, nn

from ..errors import ConfigError, ShapeError, first_line
from ..nn import Network, Shape, build, one_batch_axis
from ..nn.factories import accepts
from ..nn.two_heads import as_vectors, described
from ..particles.held_networks import held_networks
from ..particles.modes import evaluating

_SHAPES = re.compile(r"shape|size|channel|dimension|\bD\b|[1-4]D", re.IGNORECASE)


class Function(nn.Module):
    """A plain function of data as a module, which holds the networks that the function calls.

    Args:
        function: Maps [N, *in_shape] to an output; a function, a lambda or a bound method.

    Raises:
        ConfigError: It is copied, and the function would call the networks of the original.
    """

    def __init__(self, function: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.function = function
        found = held_networks(function)
        inner = {
            id(part) for network in found for part in network.modules() if part is not network
        }
        self.networks = nn.ModuleList(net for net in found if id(net) not in inner)

    def forward(self, x: Tensor) -> Any:  # noqa: ANN401
        return self.function(x)

    def __deepcopy__(self, memo: dict[int, Any]) -> "Function":
        if len(self.networks):
            raise ConfigError(
                f"the network {self.extra_repr()} is a function and cannot be copied with the "
                "networks that it calls; write it as a torch.nn.Module"
            )
        return Function(deepcopy(self.function, memo))

    def extra_repr(self) -> str:
        return getattr(self.function, "__qualname__", repr(self.function))


def as_network(network: Network) -> Network:
    """A function of one argument as a module; modules and factories as they are.

    Raises:
        ConfigError: It cannot be called.
    """
    if isinstance(network, nn.Module | type):
        return network
    if not callable(network):
        raise ConfigError(
            f"{network!r} is no network; give a torch.nn.Module, a factory such as pyrovae.nn.MLP "
            "that takes (in_shape, out_shape), or a function of the data"
        )
    is_of_data = accepts(network, 1) and not accepts(network, 2)
    return Function(cast(Callable[[Tensor], Any], network)) if is_of_data else network


def built(network: Network, in_shape: Shape, out_shape: Shape) -> nn.Module:
    """A module as it is, what a factory builds for these shapes, or a plain function as a module.

    Raises:
        ConfigError: It is none of these.
    """
    return build(as_network(network), in_shape, out_shape)


def run(
    network: nn.Module,
    x: Tensor,
    event_dim: int,
    role: str,
    read: Callable[[Any, Tensor], Tensor] | None = None,
) -> Tensor:
    """What a network gives for x [..., *event], its leading axes as one batch axis.

    Args:
        network: Maps [N, *event] to an output.
        x: Its input.
        event_dim: Number of axes of one datum.
        role: What the messages of errors call the network.
        read: Makes a tensor of the output and the input [N, *event]; by default the output has to
            be one.

    Returns:
        The output [..., *out].

    Raises:
        ShapeError: The network does not take inputs of this shape, and the message says which it
            takes; or its output is no tensor.
    """

    def call(flat: Tensor) -> Any:  # noqa: ANN401
        try:
            output = network(flat)
        except (RuntimeError, ValueError) as error:
            # Others are of torch's own: out of memory, or a computation that is being captured.
            if type(error) in (RuntimeError, ValueError) and _SHAPES.search(str(error)):
                _explain(network, flat, role, error)
            raise
        return tensor_of(output, role) if read is None else read(output, flat)

    found: Tensor = one_batch_axis(call, x, event_dim)
    return found


def vectors_from(network: nn.Module, x: Tensor, event_dim: int, role: str) -> Tensor:
    """`run` of a network that gives vectors [..., P]; outputs [N, P, 1, 1] are vectors too."""
    return run(network, x, event_dim, role, lambda y, _: as_vectors(tensor_of(y, role)))


def tensor_of(output: Any, role: str, why: str = "") -> Tensor:  # noqa: ANN401
    """The output of a network that has to be one tensor.

    Raises:
        ShapeError: It is something else; `role` and `why` are for the message.
    """
    if isinstance(output, Tensor):
        return output
    raise ShapeError(f"the {role} gave {described(output)}; it needs one tensor{why}")


def _explain(network: nn.Module, x: Tensor, role: str, error: Exception) -> NoReturn:
    """Raise the error of a network that does not take x [N, *event], with a way out."""
    needs = "build the network for such inputs"
    if x.dim() > 2 and _takes(network, x[:2].flatten(1)):
        size = x.shape[1:].numel()
        needs = (
            f"it takes vectors [N, {size}]: put torch.nn.Flatten() before it, as in "
            "torch.nn.Sequential(torch.nn.Flatten(), network)"
        )
    elif x.dim() == 2 and (image := _image(network, x)) is not None:
        needs = (
            f"it takes images [N, {', '.join(map(str, image))}]: put torch.nn.Unflatten(1, "
            f"{image}) before it, as in torch.nn.Sequential(torch.nn.Unflatten(1, {image}), "
            "network)"
        )
    elif x.dim() == 4 and x.shape[1] == 1 and _takes(network, x[:2].expand(-1, 3, -1, -1)):
        needs = (
            "it takes images of 3 channels: repeat the one, as in lambda x: "
            "network(x.expand(-1, 3, -1, -1)), or give the network a first layer for 1 channel"
        )
    raise ShapeError(
        f"the {role} failed on a batch of shape {list(x.shape)}: {first_line(error)}; {needs}"
    ) from error


def _image(network: nn.Module, x: Tensor) -> tuple[int, int, int] | None:
    """The shape of square images that the network takes in place of vectors; None for none."""
    for channels in (1, 3):
        side = round((x.shape[1] / channels) ** 0.5)
        shape = (channels, side, side)
        if channels * side**2 == x.shape[1] and _takes(network, x[:2].unflatten(1, shape)):
            return shape
    return None


@torch.no_grad()
def _takes(network: nn.Module, x: Tensor) -> bool:
    try:
        with evaluating([network]):
            network(x)
    except (RuntimeError, ValueError, IndexError, TypeError):
        return False
    return True
