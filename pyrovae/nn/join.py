"""Joins: two inputs for a network that takes one, as a vector or as channels of an image."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..errors import ShapeError
from .base import Network, Shape, as_shape, build, flatten_event


class Join(ABC):
    """Joins x [..., *x_shape] and y [..., *y_shape] to one input [..., *shape].

    Leading axes are broadcast, so one y serves all particles of a datum. y is cast to the dtype
    of x.

    Args:
        x_shape: Shape of one x.
        y_shape: Shape of one y.

    Attributes:
        shape: Shape of the joined input.
    """

    shape: Shape

    def __init__(self, x_shape: Shape | int, y_shape: Shape | int) -> None:
        self.x_shape, self.y_shape = (
            as_shape(x_shape, "x_shape", type(self).__name__),
            as_shape(y_shape, "y_shape", type(self).__name__),
        )

    @abstractmethod
    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        """The joined input [..., *shape]."""

    def build(self, network: Network, out_shape: Shape) -> nn.Module:
        """The network, or what its factory builds for joined inputs.

        Raises:
            ShapeError: It does not take inputs of this shape.
        """
        try:
            return build(network, self.shape, out_shape)
        except ShapeError as error:
            raise ShapeError(
                f"{error}. (Joined by {type(self).__name__}, {self.x_shape} and {self.y_shape} "
                f"make {self.shape}; join=AsChannels makes images, join=AsVector vectors.)"
            ) from error


JoinFactory = Callable[[Shape, Shape], Join]
"""Builds a join for two shapes: its class."""


class AsVector(Join):
    """Flattens and concatenates x and y, for fully connected networks.

    Example:
        >>> join = AsVector((1, 8, 8), 10)
        >>> join.shape, join(torch.zeros(5, 3, 1, 8, 8), torch.zeros(3, 10)).shape
        ((74,), torch.Size([5, 3, 74]))
    """

    def __init__(self, x_shape: Shape | int, y_shape: Shape | int) -> None:
        super().__init__(x_shape, y_shape)
        self.shape = (math.prod(self.x_shape) + math.prod(self.y_shape),)

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        x = flatten_event(x, self.x_shape, "AsVector")
        y = flatten_event(y, self.y_shape, "AsVector").to(x.dtype)
        lead = torch.broadcast_shapes(x.shape[:-1], y.shape[:-1])
        return torch.cat([x.expand(*lead, -1), y.expand(*lead, -1)], -1)


class DataAlone(Join):
    """Leaves y out: the network sees x alone, flattened.

    Example:
        >>> DataAlone((1, 8, 8), 10)(torch.zeros(5, 1, 8, 8), torch.zeros(5, 10)).shape
        torch.Size([5, 64])
    """

    def __init__(self, x_shape: Shape | int, y_shape: Shape | int) -> None:
        super().__init__(x_shape, y_shape)
        self.shape = (math.prod(self.x_shape),)

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        return flatten_event(x, self.x_shape, "DataAlone")


class AsChannels(Join):
    """Adds y to the channels of an image x, for convolutions.

    An image y of the same height and width is appended to the channels of x. Of a vector y, such
    as a one-hot class, each value becomes a constant channel.

    Raises:
        ShapeError: x is not an image (C, H, W), or y neither a vector nor an image of its size.

    Example:
        >>> AsChannels((1, 8, 8), 10).shape, AsChannels((1, 8, 8), (2, 8, 8)).shape
        ((11, 8, 8), (3, 8, 8))
    """

    def __init__(self, x_shape: Shape | int, y_shape: Shape | int) -> None:
        super().__init__(x_shape, y_shape)
        size = self.x_shape[1:]
        if len(self.x_shape) != 3 or (len(self.y_shape) != 1 and self.y_shape[1:] != size):
            raise ShapeError(
                f"AsChannels got x of shape {self.x_shape} and y of shape {self.y_shape}; it "
                "needs an image (C, H, W) and a vector (D,) or another image of its height and "
                "width; AsVector takes any two"
            )
        self.shape = (self.x_shape[0] + self.y_shape[0], *size)

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        if len(self.y_shape) == 1:
            y = y[..., None, None].expand(*y.shape, *self.x_shape[1:])
        lead = torch.broadcast_shapes(x.shape[:-3], y.shape[:-3])
        return torch.cat([t.expand(*lead, *t.shape[-3:]) for t in (x, y.to(x.dtype))], -3)


class AsBands(Join):
    """Adds y to a spectrogram x as further bands, each constant over time, for `TimeConvEncoder`.

    Raises:
        ShapeError: x is not a spectrogram (1, F, T), or y no vector.

    Example:
        >>> join = AsBands((1, 40, 48), 16)
        >>> join.shape, join(torch.zeros(5, 3, 1, 40, 48), torch.zeros(3, 16)).shape
        ((1, 56, 48), torch.Size([5, 3, 1, 56, 48]))
    """

    def __init__(self, x_shape: Shape | int, y_shape: Shape | int) -> None:
        super().__init__(x_shape, y_shape)
        if len(self.x_shape) != 3 or self.x_shape[0] != 1 or len(self.y_shape) != 1:
            raise ShapeError(
                f"AsBands got x of shape {self.x_shape} and y of shape {self.y_shape}; it needs a "
                "spectrogram (1, F, T) and a vector (D,); AsVector takes any two"
            )
        _, bands, time = self.x_shape
        self.shape = (1, bands + self.y_shape[0], time)

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        y = y[..., None, :, None].expand(*y.shape[:-1], 1, y.shape[-1], self.x_shape[2])
        lead = torch.broadcast_shapes(x.shape[:-3], y.shape[:-3])
        return torch.cat([t.expand(*lead, *t.shape[-3:]) for t in (x, y.to(x.dtype))], -2)
