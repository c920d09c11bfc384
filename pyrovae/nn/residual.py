"""Residual blocks, and features of an image at several resolutions."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from .base import Shape

Activation = Callable[[], nn.Module]


class ResidualBlock(nn.Module):
    """x + branch(x) for images [N, C, H, W]; the branch has 1x1, 3x3, 3x3, 1x1 convolutions.

    The branch is half as wide as x. There is no normalisation, which would mix particles. Instead
    the initial weights of the last convolution are scaled down, so that a deep stack starts near
    the identity.

    Args:
        channels: C.
        scale: Factor of the initial weights of the last convolution; 1 / sqrt(depth) for a deep
            stack.
        activation: Makes an activation: a module class or a callable without arguments.

    Source:
        Very Deep VAEs (Child, 2021), fig. 3 and sec. 3.2, https://arxiv.org/abs/2011.10650

    Example:
        >>> ResidualBlock(8)(torch.zeros(5, 8, 7, 7)).shape
        torch.Size([5, 8, 7, 7])
    """

    def __init__(
        self, channels: int, *, scale: float = 1.0, activation: Activation = nn.SiLU
    ) -> None:
        super().__init__()
        narrow = max(1, channels // 2)
        self.branch = nn.Sequential(
            activation(),
            nn.Conv2d(channels, narrow, kernel_size=1),
            head(narrow, channels, scale=scale, activation=activation),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.branch(x)


class Pyramid(nn.Module):
    """Features of an image at several resolutions, from fine to coarse.

    [N, C, H, W] -> [N, channels[0], H_0, W_0], [N, channels[1], H_1, W_1], ...; a side of n
    pixels becomes ceil(n / stride). Images may have any size.

    Args:
        in_channels: C.
        channels: Width at each resolution.
        stride: Stride to the first resolution; each later one halves.
        blocks: Residual blocks at each resolution.
        activation: Makes an activation: a module class or a callable without arguments.

    Example:
        >>> [list(y.shape) for y in Pyramid(1, (8, 16))(torch.zeros(5, 1, 28, 28))]
        [[5, 8, 14, 14], [5, 16, 7, 7]]
    """

    def __init__(
        self,
        in_channels: int,
        channels: Sequence[int],
        *,
        stride: int = 2,
        blocks: int = 1,
        activation: Activation = nn.SiLU,
    ) -> None:
        super().__init__()
        self.stages = nn.ModuleList()
        scale = (blocks * len(channels)) ** -0.5 if blocks else 1.0
        for out in channels:
            layers: list[nn.Module] = [convolution(in_channels, out, stride=stride)]
            layers += [
                ResidualBlock(out, scale=scale, activation=activation) for _ in range(blocks)
            ]
            self.stages.append(nn.Sequential(*layers))
            in_channels, stride = out, 2

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return tuple(features)


def head(narrow: int, out: int, *, scale: float, activation: Activation) -> nn.Sequential:
    """Two 3x3 convolutions and a scaled 1x1: [N, narrow, H, W] -> [N, out, H, W].

    At scale 0 the output starts at zero.
    """
    return nn.Sequential(
        activation(),
        convolution(narrow, narrow),
        activation(),
        convolution(narrow, narrow),
        activation(),
        scaled(nn.Conv2d(narrow, out, kernel_size=1), scale),
    )


def convolution(in_channels: int, out: int, *, stride: int = 1) -> nn.Conv2d:
    """A 3x3 convolution initialised to preserve the variance of its input (He et al., 2015)."""
    layer = nn.Conv2d(in_channels, out, kernel_size=3, stride=stride, padding=1)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    return layer


def scaled(layer: nn.Conv2d, scale: float) -> nn.Conv2d:
    """The layer with its initial weights multiplied by `scale` and its bias set to zero."""
    with torch.no_grad():
        layer.weight *= scale
        if layer.bias is not None:
            layer.bias.zero_()
    return layer


def strided(sizes: Shape, stride: int) -> Shape:
    """Height and width after a padded convolution with this stride."""
    return tuple(-(-n // stride) for n in sizes)
