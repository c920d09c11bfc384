"""Images of shapes with known factors of variation."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import ConfigError, DataError
from .base import Dataset, Split, partition

FORMS = ("square", "ellipse", "heart")
"""The values of the factor "shape"; each fits in a circle of radius one."""

_FINE = 4  # samples per side of a pixel; 4 * 4 + 1 levels
_CHUNK = 256  # images drawn at once, few enough for the cache


@dataclass(frozen=True)
class ShapeGrid:
    """Draws a white shape on black, [1, size, size], from five independent factors.

    The factors are indices from 0, in this order: "shape" (`FORMS`), "scale" (equal steps from
    half of `radius` to the whole), "orientation" (equal steps over `turn`, counter-clockwise), "x"
    (to the right) and "y" (downwards; both in equal steps over the range in which the largest
    shape fits). With the defaults all images of the grid differ, so each image determines its
    factors. A full `turn`, as in dSprites, repeats the square four times and the ellipse twice; no
    representation can tell the repetitions apart.

    Args:
        size: Side of an image in pixels.
        num_scales: Number of values of "scale".
        num_orientations: Number of values of "orientation".
        num_positions: Number of values of "x" and of "y".
        radius: Radius of the circle around the largest shape, as a share of the side.
        turn: Range of the orientations, as a share of the full circle.
        antialias: Use grey levels 0..16, the covered sixteenths of a pixel (4 x 4 samples).
            Without, a pixel is 1 if half of it is covered, else 0.

    Raises:
        ConfigError: A number is out of range.

    Example:
        >>> grid = ShapeGrid()
        >>> grid.sizes
        {'shape': 3, 'scale': 4, 'orientation': 6, 'x': 12, 'y': 12}
        >>> grid.draw(torch.tensor([[0, 3, 0, 5, 5], [2, 3, 0, 5, 5]])).shape
        torch.Size([2, 1, 32, 32])
    """

    size: int = 32
    num_scales: int = 4
    num_orientations: int = 6
    num_positions: int = 12
    radius: float = 0.24
    turn: float = 0.25
    antialias: bool = False

    def __post_init__(self) -> None:
        counts = (self.size, self.num_scales, self.num_orientations, self.num_positions)
        if min(counts) < 1 or not 0 < self.radius < 0.5 or not 0 < self.turn <= 1:
            raise ConfigError(
                f"{self}: needs counts of 1 or more, radius in (0, 0.5) of the side and turn in "
                "(0, 1] of the circle"
            )

    @property
    def sizes(self) -> dict[str, int]:
        """Number of values of each factor, by name, in the order of the columns."""
        counts = (len(FORMS), self.num_scales, self.num_orientations, *[self.num_positions] * 2)
        return dict(zip(("shape", "scale", "orientation", "x", "y"), counts, strict=True))

    def factors(self) -> Tensor:
        """Every combination of factors once [N, 5]; the last column changes fastest."""
        return torch.cartesian_prod(*(torch.arange(count) for count in self.sizes.values()))

    def sample(self, n: int, *, seed: int) -> Tensor:
        """Factors drawn uniformly and independently [n, 5]."""
        generator = torch.Generator().manual_seed(seed)
        columns = [torch.randint(c, (n,), generator=generator) for c in self.sizes.values()]
        return torch.stack(columns, 1)

    def draw(self, factors: Tensor) -> Tensor:
        """The images [N, 1, size, size] of these factors [N, 5], float32, on the CPU.

        Raises:
            DataError: The factors have another shape or type, or a value that the grid lacks.
        """
        limits = torch.tensor(list(self.sizes.values()))
        whole = not (factors.is_floating_point() or factors.is_complex())
        if factors.dim() != 2 or factors.shape[1] != len(limits) or not whole:
            raise DataError(
                f"ShapeGrid.draw got factors {factors.dtype} of shape {list(factors.shape)}; "
                f"needs whole numbers [N, {len(limits)}], columns {', '.join(self.sizes)}"
            )
        factors = factors.cpu().long()
        wrong = ((factors < 0) | (factors >= limits)).nonzero()
        if len(wrong):
            row, column = wrong[0].tolist()
            name, count = list(self.sizes.items())[column]
            raise DataError(
                f"ShapeGrid.draw got {name} {int(factors[row, column])} in row {row}; "
                f"this grid has the values 0 to {count - 1}"
            )
        drawn = [self._covered(some) for some in factors.split(_CHUNK)]
        levels = torch.cat(drawn) if drawn else torch.zeros(0, self.size, self.size)
        full = _FINE * _FINE
        return (levels if self.antialias else (2 * levels >= full).float()).unsqueeze(1)

    def _covered(self, factors: Tensor) -> Tensor:  # [n, 5] -> [n, size, size], 0..16
        shape, scale, orientation, x, y = factors.T
        largest = self.radius * self.size
        radius = largest * (0.5 + 0.5 * _share(scale, self.num_scales))
        angle = 2 * math.pi * self.turn * orientation / self.num_orientations
        free = self.size - 2 * largest
        column = largest + free * _share(x, self.num_positions)  # of the centre, in pixels
        row = largest + free * _share(y, self.num_positions)
        # Only a window around the centre is drawn; the canvas has a margin where it may overlap.
        side = 2 * math.ceil(largest + 1)
        left, top = ((centre - side / 2).floor().long() for centre in (column, row))
        fine = (torch.arange(side * _FINE) + 0.5) / _FINE
        right = ((left[:, None] + fine - column[:, None]) / radius[:, None])[:, None, :]
        up = ((row[:, None] - top[:, None] - fine) / radius[:, None])[:, :, None]
        cos, sin = angle.cos()[:, None, None], angle.sin()[:, None, None]
        u, v = cos * right + sin * up, cos * up - sin * right
        inside = torch.empty(u.shape)
        for index, form in enumerate((_square, _ellipse, _heart)):
            rows = shape == index
            inside[rows] = form(u[rows], v[rows]).float()
        window = inside.unflatten(2, (side, _FINE)).unflatten(1, (side, _FINE)).sum((2, 4))
        canvas = torch.zeros(len(factors), self.size + 2 * side, self.size + 2 * side)
        place = torch.arange(side) + side
        rows, columns = (top[:, None] + place)[:, :, None], (left[:, None] + place)[:, None, :]
        canvas[torch.arange(len(factors))[:, None, None], rows, columns] = window
        return canvas[:, side:-side, side:-side]


def shapes(
    *,
    size: int = 32,
    num_scales: int = 4,
    num_orientations: int = 6,
    num_positions: int = 12,
    radius: float = 0.24,
    turn: float = 0.25,
    antialias: bool = False,
    unit: bool = False,
    val_size: int = 1000,
    test_size: int = 2000,
    seed: int = 0,
) -> Dataset:
    """All images of a `ShapeGrid` with their factors as `y` [N, 5], for measuring disentanglement.

    The images show squares, ellipses and hearts of several scales, orientations and positions, as
    dSprites does. All 10,368 are drawn in about a second, so nothing is downloaded.
    `info["factors"]` holds the number of values of each column of `y`.

    Args:
        size: See `ShapeGrid` for this and the next six.
        unit: Scale antialiased levels 0..16 to [0, 1].
        val_size: Number of rows for `val`.
        test_size: Number of rows for `test`.
        seed: Seed of the split; the images are the same for every seed.

    Raises:
        ConfigError: A number is out of range.
        DataError: The sizes leave nothing to train on.

    Source:
        After dSprites (Matthey et al., 2017), https://github.com/google-deepmind/dsprites-dataset

    Example:
        >>> shapes(num_positions=4, val_size=100, test_size=100).train
        Split(952 x [1, 32, 32] float32, labels int64)
    """
    grid = ShapeGrid(size, num_scales, num_orientations, num_positions, radius, turn, antialias)
    y = grid.factors()
    rows = partition("shapes", len(y), (val_size, test_size), seed)
    x = grid.draw(y)
    levels = _FINE * _FINE + 1 if antialias else 2
    if antialias and unit:
        x = x / (levels - 1)
    train, val, test = (Split(x[index], y[index]) for index in rows)
    info = {
        "binarize": "none", "levels": levels, "unit": unit or not antialias, "seed": seed,
        "factors": grid.sizes,
    }  # fmt: skip
    return Dataset("shapes", train, val, test, info)


def _share(index: Tensor, count: int) -> Tensor:
    """Indices 0..count-1 scaled to 0..1; a single value lies in the middle."""
    return index / (count - 1) if count > 1 else torch.full(index.shape, 0.5)


def _square(u: Tensor, v: Tensor) -> Tensor:
    return torch.maximum(u.abs(), v.abs()) <= math.sqrt(0.5)


def _ellipse(u: Tensor, v: Tensor) -> Tensor:
    return u.square() + 4 * v.square() <= 1


def _heart(u: Tensor, v: Tensor) -> Tensor:
    """a^2 + (b - sqrt(|a|))^2 <= 1, scaled into the unit circle."""
    a, b = 1.38 * u.abs(), 1.38 * v + 0.37
    return a.square() + (b - a.sqrt()).square() <= 1
