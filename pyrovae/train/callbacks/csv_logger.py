"""Write a run's figures as a CSV file."""

import csv
from io import StringIO
from os import PathLike
from pathlib import Path
from typing import Any

from ...errors import ConfigError, SaveError
from ...runtime.files import append_line, save
from ..loop import Loop
from .base import Callback


class CSVLogger(Callback):
    """Writes the numbers of every epoch as a row, when the epoch is done.

    A resumed run continues the file: it has the rows of the epochs before the checkpoint, and no
    others. What an epoch does not have stays empty.

    Args:
        path: The file; by default history.csv in the run's folder.

    Raises:
        ConfigError: There is neither `path` nor `run_dir`, or a new run would replace the file.
        SaveError: The file cannot be written.

    Example:
        >>> callbacks = [CSVLogger("runs/first.csv")]  # fit(..., callbacks=callbacks)
    """

    def __init__(self, path: str | PathLike[str] | None = None) -> None:
        self.path = None if path is None else Path(path)
        self._file: Path | None = None
        self._columns: list[str] = []

    def on_start(self, loop: Loop) -> None:
        if loop.rank > 0:
            return
        if self.path is None and loop.run_dir is None:
            raise ConfigError("CSVLogger has no file to write; give a path, or a run_dir")
        file = Path(str(loop.run_dir)) / "history.csv" if self.path is None else self.path
        if self.path is not None and not loop.history and file.exists():
            raise ConfigError(
                f"CSVLogger: {file} is there already, and this run begins anew; name another "
                "file, remove it, or resume its run"
            )
        self._file = file
        self._write(loop.history)

    def on_epoch(self, loop: Loop) -> None:
        if self._file is None:
            return
        entry = loop.history[-1]
        if any(name not in self._columns for name in entry):
            self._write(loop.history)
            return
        try:
            append_line(self._file, self._row(entry))
        except OSError as error:
            raise SaveError(
                f"{self._file} cannot be written ({error.strerror or error}); make room, or leave "
                "the callback out"
            ) from error

    def _write(self, history: list[dict[str, Any]]) -> None:
        self._columns = list(dict.fromkeys(name for entry in history for name in entry))
        rows = [_line(self._columns), *map(self._row, history)] if history else []
        save(self._file or Path(), "".join(f"{row}\n" for row in rows))

    def _row(self, entry: dict[str, Any]) -> str:
        return _line([entry.get(name) for name in self._columns])


def _line(values: list[Any]) -> str:
    content = StringIO(newline="")
    csv.writer(content, lineterminator="").writerow(values)
    return content.getvalue()
