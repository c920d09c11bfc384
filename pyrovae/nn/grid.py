"""Convolutions between images and grids of vectors."""

import math

from torch import Tensor, nn

from ..errors import ConfigError, ShapeError
from .base import OneBatchAxis, Shape, as_shape, check_event
from .residual import ResidualBlock, convolution, strided
from .sizes import as_size


class GridEncoder(nn.Module):
    """Convolutions from an image to a grid of vectors: [..., C, H, W] -> [..., h, w, D].

    It halves the image (a side of n pixels becomes ceil(n / 2)) until it has the size of the grid.
    A vector depends on its neighbourhood alone. Any number of leading axes; no batch
    normalisation.

    Args:
        in_shape: (C, H, W) of one image.
        out_shape: (h, w, D).
        channels: Width of all layers.
        blocks: Residual blocks at the resolution of the grid.

    Raises:
        ShapeError: `in_shape` or `out_shape` has another number of axes, or an input does not end
            in `in_shape`.
        ConfigError: Halving the image does not lead to the grid, or a number is too small.

    Example:
        >>> import torch
        >>> GridEncoder((1, 28, 28), (7, 7, 16))(torch.zeros(5, 3, 1, 28, 28)).shape
        torch.Size([5, 3, 7, 7, 16])
    """

    def __init__(
        self, in_shape: Shape, out_shape: Shape, *, channels: int = 64, blocks: int = 2
    ) -> None:
        super().__init__()
        self.in_shape = _axes(in_shape, 3, "GridEncoder needs in_shape=(C, H, W)")
        *grid, dim = _axes(out_shape, 3, "GridEncoder needs out_shape=(h, w, D)")
        channels, blocks = _checked(channels, blocks, "GridEncoder")
        width = self.in_shape[0]
        layers: list[nn.Module] = []
        for _ in _sizes(self.in_shape[1:], tuple(grid), "GridEncoder"):
            layers += [convolution(width, channels, stride=2), nn.SiLU()]
            width = channels
        layers.append(convolution(width, channels))
        layers += [ResidualBlock(channels, scale=max(blocks, 1) ** -0.5) for _ in range(blocks)]
        layers += [nn.SiLU(), nn.Conv2d(channels, dim, kernel_size=1)]
        self.body = OneBatchAxis(nn.Sequential(*layers), event_dim=3)

    def forward(self, x: Tensor) -> Tensor:
        check_event(x, self.in_shape, "GridEncoder")
        y: Tensor = self.body(x)
        return y.movedim(-3, -1)


class GridDecoder(nn.Module):
    """Convolutions from a grid of vectors to an image: [..., h, w, D] -> [..., P, C, H, W].

    It mirrors `GridEncoder`: it upsamples to the same sizes in reverse order.

    Args:
        in_shape: (h, w, D).
        out_shape: (C, H, W), or (P, C, H, W) for P likelihood parameters per pixel and channel.
        channels: Width of all layers.
        blocks: Residual blocks at the resolution of the grid.

    Raises:
        ShapeError: `in_shape` or `out_shape` has another number of axes, or an input does not end
            in `in_shape`.
        ConfigError: Halving the image does not lead to the grid, or a number is too small.

    Example:
        >>> import torch
        >>> GridDecoder((7, 7, 16), (2, 1, 28, 28))(torch.zeros(5, 3, 7, 7, 16)).shape
        torch.Size([5, 3, 2, 1, 28, 28])
    """

    def __init__(
        self, in_shape: Shape, out_shape: Shape, *, channels: int = 64, blocks: int = 2
    ) -> None:
        super().__init__()
        self.in_shape = _axes(in_shape, 3, "GridDecoder needs in_shape=(h, w, D)")
        need = "GridDecoder needs out_shape=(C, H, W) or (P, C, H, W)"
        self.out_shape = _axes(out_shape, 3 if len(as_shape(out_shape)) < 4 else 4, need)
        channels, blocks = _checked(channels, blocks, "GridDecoder")
        layers: list[nn.Module] = [convolution(self.in_shape[2], channels)]
        layers += [ResidualBlock(channels, scale=max(blocks, 1) ** -0.5) for _ in range(blocks)]
        for size in reversed(_sizes(self.out_shape[-2:], self.in_shape[:2], "GridDecoder")):
            layers += [nn.Upsample(size=size, mode="nearest"), convolution(channels, channels)]
            layers.append(nn.SiLU())
        last = math.prod(self.out_shape[:-2])
        layers.append(nn.Conv2d(channels, last, kernel_size=3, padding=1))
        self.body = OneBatchAxis(nn.Sequential(*layers), event_dim=3)

    def forward(self, z: Tensor) -> Tensor:
        check_event(z, self.in_shape, "GridDecoder")
        y: Tensor = self.body(z.movedim(-1, -3))
        return y.reshape(y.shape[:-3] + self.out_shape)


def _sizes(image: Shape, grid: Shape, where: str) -> list[Shape]:
    """Height and width before each halving, from the image on."""
    sizes, now = [], image
    while now != grid:
        if now == (1, 1):
            raise ConfigError(
                f"{where}: halving an image of {list(image)} does not lead to a grid of "
                f"{list(grid)}; choose one on the way, such as {list(strided(image, 4))}, or use "
                "MLP"
            )
        sizes.append(now)
        now = strided(now, 2)
    return sizes


def _axes(shape: Shape, count: int, need: str) -> Shape:
    shape = as_shape(shape)
    if len(shape) != count:
        raise ShapeError(f"{need} and got {shape}; or use MLP")
    return shape


def _checked(channels: int, blocks: int, where: str) -> tuple[int, int]:
    return as_size(channels, "channels", where), as_size(blocks, "blocks", where, at_least=0)
