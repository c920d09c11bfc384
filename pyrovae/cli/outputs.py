"""What a command writes: pictures, arrays and tables."""

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from torch import Tensor

from ..errors import ConfigError
from ..reporting import ENDINGS, Form
from ..runtime.files import save

ARRAYS = ".npz"


class Table(Protocol):
    """What can be printed, and saved as CSV and JSON."""

    def to_csv(self, path: Path) -> object: ...

    def to_json(self, path: Path) -> object: ...


def check_out(out: str | None) -> None:
    """Refuse an `--out` whose ending no form of data has, before anything is computed.

    Raises:
        ConfigError: It has another.
    """
    if out is not None and Path(out).suffix not in (ARRAYS, *ENDINGS):
        raise ConfigError(
            f"--out {out}: write a .png picture or an {ARRAYS} of arrays; of text a .txt, of "
            "sounds a .wav, of rows of a table a .csv"
        )


def check_fit(out: Path, form: Form) -> None:
    """Refuse an `--out` that does not fit the data.

    Raises:
        ConfigError: It does not.
    """
    if out.suffix and out.suffix not in (ARRAYS, *form.endings):
        fitting = " or ".join([*form.endings, ARRAYS])
        raise ConfigError(f"--out {out}: the data are {form.kind}; name a file that ends in "
                          f"{fitting}")  # fmt: skip


def write_made(
    out: Path,
    form: Form,
    made: Tensor,
    given: Tensor | None = None,
    *,
    title: str,
    **arrays: Tensor,
) -> None:
    """Write data that a pair has made, or their arrays; print the first of them, and where.

    Args:
        out: A file. Without an ending it gets that of the form, else .npz.
        form: Of the data.
        made: Data [N, ...].
        given: What they are reconstructions of [N, ...], if they are.
        title: Of pictures.
        arrays: What an .npz file holds.

    Raises:
        SaveError: A file cannot be written.
    """
    if not out.suffix:
        out = out.with_name(out.name + (*form.endings, ARRAYS)[0])
    if out.suffix == ARRAYS:
        write_arrays(out, arrays)
        return
    written = form.write(out, made, given, title)
    for line in form.preview(made, given):
        print(line)
    print(*written)


def write_arrays(out: Path, arrays: Mapping[str, Tensor]) -> None:
    """Write an .npz file, and print where.

    Raises:
        SaveError: It cannot be written.
    """
    held: Any = {k: v.cpu().numpy() for k, v in arrays.items()}
    content = BytesIO()
    np.savez_compressed(content, **held)
    save(out, content.getvalue())
    print(out)


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
