"""Images: grids, reconstructions, traversals of latent units."""

import math
from collections.abc import Sequence
from textwrap import fill
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from torch import Tensor

from ..errors import ShapeError
from ..runtime.figures import WIDTH, bare_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


_LETTER = 0.062  # mean width in inches at 8 points
_LARGEST, _HIGHEST = 0.9, 9.0  # inches: side of one image, height of all


class Traversed(Protocol):
    """What `pyrovae.traverse` gives."""

    @property
    def images(self) -> Tensor: ...

    @property
    def units(self) -> Tensor: ...

    @property
    def information(self) -> Tensor: ...

    @property
    def ordered_by(self) -> str: ...

    @property
    def values(self) -> Tensor: ...

    @property
    def site(self) -> str: ...


def image_grid(
    images: Tensor,
    *,
    columns: int | None = None,
    title: str = "",
    row_names: Sequence[str] = (),
    column_names: Sequence[str] = (),
) -> "Figure":
    """Images [N, C, H, W] (C = 1 or 3) or [N, H, W], row by row, on one grey scale.

    Args:
        images: At least one.
        columns: Images in a row; by default as many as there are rows.
        title: Above.
        row_names: Text left of each row, or nothing.
        column_names: Text above each column, or nothing.

    Raises:
        ShapeError: `images` has another shape.
    """
    pixels = as_images(images)
    columns = columns or math.ceil(math.sqrt(len(pixels)))
    return picture(
        tile(pixels, math.ceil(len(pixels) / columns), columns),
        pixels.shape[1:3],
        title=title,
        row_names=row_names,
        column_names=column_names,
    )


def reconstructions(x: Tensor, reconstructed: Tensor, *, title: str = "") -> "Figure":
    """Originals over reconstructions, both [N, C, H, W]; up to sixteen in a row."""
    columns = min(16, len(x))
    tops, bottoms = (as_images(t) for t in (x, reconstructed))
    pairs = []
    for start in range(0, len(x) - len(x) % columns, columns):
        pairs += [tops[start : start + columns], bottoms[start : start + columns]]
    tiles = np.concatenate(pairs)
    return picture(
        tile(tiles, len(pairs), columns, gap_after=2),
        tiles.shape[1:3],
        title=title,
        row_names=["data", "rebuilt"] * (len(pairs) // 2),
        gap_after=2,
    )


def traversals(found: Traversed, *, title: str = "") -> "Figure":
    """What each latent unit does: a row for each, the most informative on top.

    Args:
        found: What `pyrovae.traverse` gives, of images [C, H, W].
        title: Above the axes.

    Raises:
        ShapeError: The data are no images.
    """
    rows, columns = found.images.shape[:2]
    pixels = as_images(found.images.flatten(0, 1))
    words = "KL" if found.ordered_by == "KL" else "var"
    unit = "KL in nats" if words == "KL" else found.ordered_by
    return picture(
        tile(pixels, rows, columns),
        pixels.shape[1:3],
        title=title,
        row_names=[
            f"unit {int(u)}: {words} {i:.2f}"
            for u, i in zip(found.units, found.information.tolist(), strict=True)
        ],
        column_names=[f"{value:.3g}" for value in found.values.tolist()],
        caption=f"value of the unit of {found.site} (rows by {unit})",
    )


def picture(
    canvas: np.ndarray,
    size: tuple[int, ...],
    *,
    title: str = "",
    row_names: Sequence[str] = (),
    column_names: Sequence[str] = (),
    caption: str = "",
    gap_after: int = 0,
) -> "Figure":
    """A figure as large as its images and words are.

    Args:
        canvas: What `tile` gives.
        size: Height and width of one image in pixels.
        title: Above.
        row_names: Left of the rows.
        column_names: Of the columns: below them where there is a caption, which explains them,
            else above.
        caption: Below.
        gap_after: As `tile` was called.
    """
    height, width, _ = canvas.shape
    columns = round((width + 1) / (size[1] + 1))
    left = 0.08 + (0.08 + _LETTER * max(map(len, row_names)) if row_names else 0.0)
    wide = min(_LARGEST * columns, WIDTH - left - 0.08)
    wide = min(wide, _HIGHEST * width / height)
    words = fill(title, int(WIDTH / (1.25 * _LETTER)))
    lines = 1 + words.count("\n") if title else 0
    named = 0.22 if column_names else 0.0
    above, below = 0.08 + 0.21 * lines, 0.08 + (0.22 if caption else 0.0)
    above, below = (above, below + named) if caption else (above + named, below)
    tall = wide * height / width
    longest = max(map(len, words.split("\n")))
    full = max(left + wide + 0.08, 1.25 * _LETTER * longest, _LETTER * len(caption))
    figure = bare_figure(full, above + tall + below)
    start = left + (full - left - 0.08 - wide) / 2
    axes = figure.add_axes(
        (start / full, below / (above + tall + below),
         wide / full, tall / (above + tall + below))
    )  # fmt: skip
    show(axes, canvas)
    axes.set_axis_on()
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, labelsize=8, labeltop=not caption, labelbottom=bool(caption))
    gap = max(1, size[0] // 4) if gap_after else 0
    places = [
        row * (size[0] + 1) + (row // gap_after * gap if gap_after else 0) + (size[0] - 1) / 2
        for row in range(len(row_names))
    ]
    axes.set_yticks(places, row_names)
    middles = np.arange(len(column_names)) * (size[1] + 1) + (size[1] - 1) / 2
    axes.set_xticks(middles, column_names)
    axes.set_xlabel(caption, fontsize=8)
    axes.set_title(words, fontsize=10)
    return figure


def as_images(images: Tensor) -> np.ndarray:
    """[N, H, W, C] in [0, 1], on the scale of the whole set."""
    x = images.detach().cpu().to(torch.float32)
    if x.dim() == 3:
        x = x.unsqueeze(1)
    if x.dim() != 4 or x.shape[1] not in (1, 3):
        raise ShapeError(
            f"a picture needs images [N, C, H, W] with one or three channels, got "
            f"{list(images.shape)}; reshape the data, or write arrays (--out FILE.npz)"
        )
    low, high = x.min(), x.max()
    scaled = (x - low) / (high - low).clamp_min(1e-12)
    return scaled.permute(0, 2, 3, 1).numpy()


def tile(pixels: np.ndarray, rows: int, columns: int, gap_after: int = 0) -> np.ndarray:
    """One picture of all, a pixel apart, with a wider gap after every `gap_after` rows."""
    _, height, width, channels = pixels.shape
    extra = max(1, height // 4) if gap_after else 0
    gaps = (rows - 1) // gap_after * extra if gap_after else 0
    canvas = np.ones((rows * (height + 1) - 1 + gaps, columns * (width + 1) - 1, channels))
    for i, image in enumerate(pixels):
        row, column = divmod(i, columns)
        top = row * (height + 1) + (row // gap_after * extra if gap_after else 0)
        canvas[top : top + height, column * (width + 1) : column * (width + 1) + width] = image
    return canvas


def show(axes: "Axes", canvas: np.ndarray) -> None:
    axes.imshow(
        canvas.squeeze(-1) if canvas.shape[-1] == 1 else canvas, cmap="gray", vmin=0, vmax=1
    )
    axes.set_axis_off()
