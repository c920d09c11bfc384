"""Figures written as files."""

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from ..runtime.files import save

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def save_pictures(found: "dict[str, Figure]", folder: Path) -> list[Path]:
    """Write each figure as `folder/<name>.png`.

    Raises:
        SaveError: One cannot be written; what was there is as it was.
    """
    paths = [folder / f"{name}.png" for name in found]
    for path, figure in zip(paths, found.values(), strict=True):
        save_figure(path, figure)
    return paths


def save_figure(path: Path, figure: "Figure") -> None:
    """Write a figure as a PNG; makes the folder.

    Raises:
        SaveError: It cannot be written; what was there is as it was.
    """
    content = BytesIO()
    figure.savefig(content, format="png")
    save(path, content.getvalue())
