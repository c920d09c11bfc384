"""Rows of images with a name each."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from .images import as_images, picture, tile

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def image_rows(
    rows: Mapping[str, Tensor],
    *,
    columns: Sequence[str] = (),
    title: str = "",
    caption: str = "",
) -> "Figure":
    """Images [N, C, H, W] or [N, H, W] in named rows of equal N, on one grey scale.

    Args:
        rows: By name, from the top.
        columns: Text of each column, or nothing: above, or below with a caption that explains it.
        title: Above.
        caption: Below.

    Raises:
        ShapeError: They are no images.
    """
    names, count = list(rows), len(next(iter(rows.values())))
    pixels = as_images(torch.cat(list(rows.values())))
    return picture(
        tile(pixels, len(names), count),
        pixels.shape[1:3],
        title=title,
        row_names=names,
        column_names=columns,
        caption=caption,
    )
