"""Residual convolutional encoder and decoder for images."""

import math
from collections.abc import Callable

from torch import Tensor, nn

from ..errors import ConfigError, ShapeError
from .base import OneBatchAxis, Shape, as_shape, check_event, flatten_event
from .sizes import Sizes, as_size, as_sizes


class ConvEncoder(nn.Module):
    """Residual convolutions that halve an image per stage, then a linear head.

    [..., C, H, W] -> [..., *out_shape], any height and width, any number of leading axes. There is
    no batch normalisation, which would mix the particles of a batch.

    Args:
        in_shape: (C, H, W) of one image.
        out_shape: Shape of one output; an int stands for a vector.
        channels: Width of each stage, a number for one stage; a stage turns a side of n pixels
            into ceil(n / 2).
        blocks: Residual blocks per stage.
        activation: Makes an activation: a module class or a callable without arguments.

    Raises:
        ShapeError: `in_shape` is not an image, or an input does not end in it.
        ConfigError: There are no `channels`, or a number is too small.

    Source:
        Identity Mappings in Deep Residual Networks (He et al., 2016), fig. 1b, without the
        normalisation, https://arxiv.org/abs/1603.05027

    Example:
        >>> import torch
        >>> ConvEncoder((1, 28, 28), (2, 8))(torch.zeros(5, 3, 1, 28, 28)).shape
        torch.Size([5, 3, 2, 8])
    """

    def __init__(
        self,
        in_shape: Shape | int,
        out_shape: Shape | int,
        *,
        channels: Sizes = (32, 64),
        blocks: int = 1,
        activation: Callable[[], nn.Module] = nn.SiLU,
    ) -> None:
        super().__init__()
        self.in_shape = image_shape(in_shape, "ConvEncoder needs in_shape=(C, H, W)", (3,))
        self.out_shape = as_shape(out_shape, "out_shape", "ConvEncoder")
        blocks = as_size(blocks, "blocks", "ConvEncoder", at_least=0)
        width, height_width = self.in_shape[0], self.in_shape[1:]
        layers: list[nn.Module] = []
        for out in widths_of(channels, "ConvEncoder"):
            layers.append(nn.Conv2d(width, out, kernel_size=3, stride=2, padding=1))
            layers += [_Residual(out, activation) for _ in range(blocks)]
            width, height_width = out, halved(height_width)
        layers += [
            activation(),
            nn.Flatten(),
            nn.Linear(width * math.prod(height_width), math.prod(self.out_shape)),
        ]
        self.body = OneBatchAxis(nn.Sequential(*layers), event_dim=3)

    def forward(self, x: Tensor) -> Tensor:  # [..., C, H, W] -> [..., *out_shape]
        check_event(x, self.in_shape, "ConvEncoder")
        y = self.body(x)
        return y.reshape(y.shape[:-1] + self.out_shape)

    def extra_repr(self) -> str:
        return f"in_shape={self.in_shape}, out_shape={self.out_shape}"


class ConvDecoder(nn.Module):
    """A linear layer, then residual convolutions that double the image per stage.

    [..., *in_shape] -> [..., C, H, W] or [..., P, C, H, W], any height and width: a stage
    upsamples to the exact size that the encoder's stage came from (28 <- 14 <- 7 <- 4), so that
    nothing is cropped or padded. Any number of leading axes.

    Args:
        in_shape: Shape of one input; an int stands for a vector.
        out_shape: (C, H, W), or (P, C, H, W) for P likelihood parameters per pixel and channel.
        channels: Width of each stage; a number for one stage.
        blocks: Residual blocks per stage.
        activation: Makes an activation: a module class or a callable without arguments.

    Raises:
        ShapeError: `out_shape` is not an image, or an input does not end in `in_shape`.
        ConfigError: There are no `channels`, or a number is too small.

    Source:
        Deconvolution and Checkerboard Artifacts (Odena et al., 2016), for upsampling before the
        convolution, https://distill.pub/2016/deconv-checkerboard

    Example:
        >>> import torch
        >>> ConvDecoder(8, (2, 1, 28, 28))(torch.zeros(5, 3, 8)).shape
        torch.Size([5, 3, 2, 1, 28, 28])
    """

    def __init__(
        self,
        in_shape: Shape | int,
        out_shape: Shape | int,
        *,
        channels: Sizes = (64, 32),
        blocks: int = 1,
        activation: Callable[[], nn.Module] = nn.SiLU,
    ) -> None:
        super().__init__()
        self.in_shape = as_shape(in_shape, "in_shape", "ConvDecoder")
        blocks = as_size(blocks, "blocks", "ConvDecoder", at_least=0)
        self.out_shape = image_shape(
            out_shape, "ConvDecoder needs out_shape=(C, H, W) or (P, C, H, W)", (3, 4)
        )
        widths = widths_of(channels, "ConvDecoder")
        sizes = [self.out_shape[-2:]]
        for _ in widths:
            sizes.append(halved(sizes[-1]))
        smallest = (widths[0], *sizes.pop())
        layers: list[nn.Module] = [
            nn.Linear(math.prod(self.in_shape), math.prod(smallest)),
            nn.Unflatten(1, smallest),
        ]
        for into, out in zip(widths, widths[1:] + widths[-1:], strict=True):
            layers += [_Residual(into, activation) for _ in range(blocks)]
            layers.append(nn.Upsample(size=sizes.pop(), mode="nearest"))
            layers.append(nn.Conv2d(into, out, kernel_size=3, padding=1))
        last = math.prod(self.out_shape[:-2])
        layers += [activation(), nn.Conv2d(widths[-1], last, kernel_size=3, padding=1)]
        self.body = OneBatchAxis(nn.Sequential(*layers), event_dim=1)

    def forward(self, x: Tensor) -> Tensor:  # [..., *in_shape] -> [..., *out_shape]
        y = self.body(flatten_event(x, self.in_shape, "ConvDecoder"))
        return y.reshape(y.shape[:-3] + self.out_shape)

    def extra_repr(self) -> str:
        return f"in_shape={self.in_shape}, out_shape={self.out_shape}"


class _Residual(nn.Module):
    def __init__(self, channels: int, activation: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.body = nn.Sequential(
            activation(),
            nn.Conv2d(channels, channels, kernel_size=3, padding=1),
            activation(),
            nn.Conv2d(channels, channels, kernel_size=3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


def halved(sizes: Shape) -> Shape:
    """Sizes after a convolution of stride two."""
    return tuple((n + 1) // 2 for n in sizes)


def widths_of(channels: Sizes, where: str) -> Shape:
    """The width of each stage.

    Raises:
        ConfigError: There is none; `where` names the network.
    """
    widths = as_sizes(channels, "channels", where, allow_none=True)
    if not widths:
        raise ConfigError(f"{where} got no channels; name one width per stage, or use MLP")
    return widths


def image_shape(shape: Shape | int, need: str, axes: tuple[int, ...]) -> Shape:
    """A shape that has one of these numbers of axes.

    Raises:
        ShapeError: It has not; `need` says what for.
    """
    shape = as_shape(shape)
    if len(shape) not in axes:
        raise ShapeError(f"{need} and got {shape}; reshape the data to images, or use MLP")
    return shape
