"""Fully connected network."""

import math
from collections.abc import Callable

from torch import Tensor, nn

from .base import Shape, as_shape, flatten_event
from .sizes import Sizes, as_sizes


class MLP(nn.Module):
    """Fully connected network, [..., *in_shape] -> [..., *out_shape].

    It flattens the event, applies a linear layer and an activation per entry of `hidden`, then a
    linear layer without activation. Any number of leading axes.

    Args:
        in_shape: Shape of one input; an int stands for a vector.
        out_shape: Shape of one output; an int stands for a vector.
        hidden: Widths of the hidden layers, a number for one layer; none give an affine map.
        activation: Makes an activation: a module class or a callable without arguments.

    Raises:
        ConfigError: A width is no whole number above 0.
        ShapeError: An input does not end in `in_shape`.

    Example:
        >>> import torch
        >>> MLP((1, 8, 8), 2, hidden=(32, 16))(torch.zeros(5, 3, 1, 8, 8)).shape
        torch.Size([5, 3, 2])
    """

    def __init__(
        self,
        in_shape: Shape | int,
        out_shape: Shape | int,
        *,
        hidden: Sizes = (400,),
        activation: Callable[[], nn.Module] = nn.ReLU,
    ) -> None:
        super().__init__()
        self.in_shape = as_shape(in_shape, "in_shape", "MLP")
        self.out_shape = as_shape(out_shape, "out_shape", "MLP")
        layers: list[nn.Module] = []
        width = math.prod(self.in_shape)
        for units in as_sizes(hidden, "hidden", "MLP", allow_none=True):
            layers += [nn.Linear(width, units), activation()]
            width = units
        layers.append(nn.Linear(width, math.prod(self.out_shape)))
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:  # [..., *in_shape] -> [..., *out_shape]
        y = self.layers(flatten_event(x, self.in_shape, "MLP"))
        return y.reshape(y.shape[:-1] + self.out_shape)

    def extra_repr(self) -> str:
        return f"in_shape={self.in_shape}, out_shape={self.out_shape}"
