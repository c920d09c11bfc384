"""What a command writes: pictures, arrays and tables."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from torch import Tensor

from ..errors import ConfigError
from ..reporting import save_figure
from ..runtime.files import save

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Table(Protocol):
    """What can be printed, and saved as CSV and JSON."""

    def to_csv(self, path: Path) -> object: ...

    def to_json(self, path: Path) -> object: ...


def check_picture(out: str | None) -> None:
    """Refuse an `--out` that is neither a picture nor arrays, before anything is computed.

    Raises:
        ConfigError: It is neither.
    """
    if out is not None and Path(out).suffix not in (".npz", ".png"):
        raise ConfigError(f"--out {out}: write a .png picture or an .npz of arrays")


def write_picture(
    out: Path, made: Tensor, draw: "Callable[[], Figure]", /, **arrays: Tensor
) -> None:
    """Write a picture, or the arrays that it shows, and print where.

    Args:
        out: A file. Without an ending it gets one: .png where they are images, else .npz.
        made: Data [N, ...].
        draw: Gives the picture.
        arrays: What it shows.

    Raises:
        SaveError: The file cannot be written.
    """
    if not out.suffix:
        out = out.with_suffix(".png" if _are_images(made) else ".npz")
    if out.suffix == ".npz":
        held: Any = {k: v.cpu().numpy() for k, v in arrays.items()}
        content = BytesIO()
        np.savez_compressed(content, **held)
        save(out, content.getvalue())
    else:
        save_figure(out, draw())
    print(out)


def _are_images(x: Tensor) -> bool:
    return x.dim() == 3 or (x.dim() == 4 and x.shape[1] in (1, 3))


def csv_path(run: Path, name: str, *others: str) -> Path:
    """Where a table goes: a CSV file in the run folder, and files of the same name beside it.

    Raises:
        ConfigError: The name does not end in .csv.
    """
    if Path(name).suffix != ".csv":
        verb = "goes" if len(others) == 1 else "go"
        raise ConfigError(
            f"--out {name}: name a .csv file; {' and '.join(others)} {verb} beside it"
        )
    return run / name


def write_table(found: Table, out: Path) -> None:
    """Print a table, and write it as CSV and as JSON."""
    try:
        print(found)
    finally:  # also where the reader of the output has gone
        found.to_csv(out)
        found.to_json(out.with_suffix(".json"))
