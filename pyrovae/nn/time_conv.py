"""Encoder and decoder that convolve over time, and see the bands of a spectrogram as channels."""

import math
from collections.abc import Callable

from torch import Tensor, nn

from .base import OneBatchAxis, Shape, as_shape, check_event, flatten_event
from .conv import halved, image_shape, widths_of
from .sizes import Sizes, as_size


class TimeConvEncoder(nn.Module):
    """Convolutions that halve the time per stage, then a linear head.

    [..., C, F, T] -> [..., *out_shape], any number of leading axes. A band has its own weights, as
    a pitch or a formant is something else an octave higher; a word is the same a moment later.
    This takes a fraction of the time of `ConvEncoder`, which convolves over bands too.

    Args:
        in_shape: (C, F, T) of one spectrogram.
        out_shape: Shape of one output; an int stands for a vector.
        channels: Width of each stage, a number for one stage; a stage turns T windows into
            ceil(T / 2).
        kernel: Windows that a convolution sees, an odd number.
        activation: Makes an activation: a module class or a callable without arguments.

    Raises:
        ShapeError: `in_shape` is not (C, F, T), or an input does not end in it.
        ConfigError: There are no `channels`, or a number is too small.

    Example:
        >>> import torch
        >>> TimeConvEncoder((1, 40, 48), (2, 8))(torch.zeros(5, 3, 1, 40, 48)).shape
        torch.Size([5, 3, 2, 8])
    """

    def __init__(
        self,
        in_shape: Shape | int,
        out_shape: Shape | int,
        *,
        channels: Sizes = (64, 64, 64),
        kernel: int = 5,
        activation: Callable[[], nn.Module] = nn.SiLU,
    ) -> None:
        super().__init__()
        self.in_shape = image_shape(in_shape, "TimeConvEncoder needs in_shape=(C, F, T)", (3,))
        self.out_shape = as_shape(out_shape, "out_shape", "TimeConvEncoder")
        kernel = as_size(kernel, "kernel", "TimeConvEncoder")
        width, time = math.prod(self.in_shape[:2]), self.in_shape[2:]
        layers: list[nn.Module] = [nn.Flatten(1, 2)]
        for out in widths_of(channels, "TimeConvEncoder"):
            layers += [nn.Conv1d(width, out, kernel, stride=2, padding=kernel // 2), activation()]
            width, time = out, halved(time)
        layers += [nn.Flatten(), nn.Linear(width * time[0], math.prod(self.out_shape))]
        self.body = OneBatchAxis(nn.Sequential(*layers), event_dim=3)

    def forward(self, x: Tensor) -> Tensor:  # [..., C, F, T] -> [..., *out_shape]
        check_event(x, self.in_shape, "TimeConvEncoder")
        y = self.body(x)
        return y.reshape(y.shape[:-1] + self.out_shape)

    def extra_repr(self) -> str:
        return f"in_shape={self.in_shape}, out_shape={self.out_shape}"


class TimeConvDecoder(nn.Module):
    """A linear layer, then convolutions that double the time per stage.

    [..., *in_shape] -> [..., C, F, T] or [..., P, C, F, T], any number of leading axes and any T.

    Args:
        in_shape: Shape of one input; an int stands for a vector.
        out_shape: (C, F, T), or (P, C, F, T) for P likelihood parameters per element.
        channels: Width of each stage; a number for one stage.
        kernel: Windows that a convolution sees, an odd number.
        activation: Makes an activation: a module class or a callable without arguments.

    Raises:
        ShapeError: `out_shape` is no spectrogram, or an input does not end in `in_shape`.
        ConfigError: There are no `channels`, or a number is too small.

    Example:
        >>> import torch
        >>> TimeConvDecoder(8, (2, 1, 40, 48))(torch.zeros(5, 3, 8)).shape
        torch.Size([5, 3, 2, 1, 40, 48])
    """

    def __init__(
        self,
        in_shape: Shape | int,
        out_shape: Shape | int,
        *,
        channels: Sizes = (64, 64, 64),
        kernel: int = 5,
        activation: Callable[[], nn.Module] = nn.SiLU,
    ) -> None:
        super().__init__()
        self.in_shape = as_shape(in_shape, "in_shape", "TimeConvDecoder")
        self.out_shape = image_shape(
            out_shape, "TimeConvDecoder needs out_shape=(C, F, T) or (P, C, F, T)", (3, 4)
        )
        kernel = as_size(kernel, "kernel", "TimeConvDecoder")
        widths = widths_of(channels, "TimeConvDecoder")
        sizes = [self.out_shape[-1:]]
        for _ in widths:
            sizes.append(halved(sizes[-1]))
        smallest = (widths[0], *sizes.pop())
        layers: list[nn.Module] = [
            nn.Linear(math.prod(self.in_shape), math.prod(smallest)),
            nn.Unflatten(1, smallest),
        ]
        for into, out in zip(widths, widths[1:] + widths[-1:], strict=True):
            layers += [
                activation(),
                nn.Upsample(size=sizes.pop(), mode="nearest"),
                nn.Conv1d(into, out, kernel, padding=kernel // 2),
            ]
        last = math.prod(self.out_shape[:-1])
        layers += [activation(), nn.Conv1d(widths[-1], last, kernel, padding=kernel // 2)]
        self.body = OneBatchAxis(nn.Sequential(*layers), event_dim=1)

    def forward(self, x: Tensor) -> Tensor:  # [..., *in_shape] -> [..., *out_shape]
        y = self.body(flatten_event(x, self.in_shape, "TimeConvDecoder"))
        return y.reshape(y.shape[:-2] + self.out_shape)

    def extra_repr(self) -> str:
        return f"in_shape={self.in_shape}, out_shape={self.out_shape}"
