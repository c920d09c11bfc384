"""Images: grids, reconstructions, traversals of latent units."""

import math
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from torch import Tensor

from ..errors import ShapeError
from ..runtime.figures import figure_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


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


def image_grid(images: Tensor, *, columns: int | None = None, title: str = "") -> "Figure":
    """Images [N, C, H, W] (C = 1 or 3) or [N, H, W], row by row, on one grey scale.

    Raises:
        ShapeError: `images` has another shape.
    """
    pixels = as_images(images)
    columns = columns or math.ceil(math.sqrt(len(pixels)))
    rows = math.ceil(len(pixels) / columns)
    figure, axes = figure_of(rows / columns + (0.06 if title else 0.0))
    show(axes, tile(pixels, rows, columns))
    axes.set_title(title)
    return figure


def reconstructions(x: Tensor, reconstructed: Tensor, *, title: str = "") -> "Figure":
    """Originals over reconstructions, both [N, C, H, W]; up to sixteen in a row."""
    columns = min(16, len(x))
    tops, bottoms = (as_images(t) for t in (x, reconstructed))
    pairs = []
    for start in range(0, len(x) - len(x) % columns, columns):
        pairs += [tops[start : start + columns], bottoms[start : start + columns]]
    tiles = np.concatenate(pairs)
    rows = len(tiles) // columns
    figure, axes = figure_of(rows / columns + (0.09 if title else 0.0))
    show(axes, tile(tiles, rows, columns, gap_after=2))
    axes.set_title(title)
    return figure


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
    _, height, width, _ = pixels.shape
    share = 0.87  # of the width; the rest is text
    figure, axes = figure_of(share * rows * height / (columns * width) + (0.12 if title else 0.08))
    show(axes, tile(pixels, rows, columns))
    axes.set_axis_on()
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, labelsize=8)
    words = "KL" if found.ordered_by == "KL" else "var"
    axes.set_yticks(
        np.arange(rows) * (height + 1) + (height - 1) / 2,
        [f"unit {int(u)}: {words} {i:.2f}"
         for u, i in zip(found.units, found.information.tolist(), strict=True)],
    )  # fmt: skip
    axes.set_xticks(
        np.arange(columns) * (width + 1) + (width - 1) / 2,
        [f"{value:.3g}" for value in found.values.tolist()],
    )
    unit = "KL in nats" if words == "KL" else found.ordered_by
    axes.set(xlabel=f"value of the unit of {found.site} (rows by {unit})", title=title)
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
