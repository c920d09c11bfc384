"""The history of a run as a file: one line of JSON per epoch."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import CheckpointError
from ..runtime.files import append_line, write_whole


def write_history(path: Path, history: Sequence[Mapping[str, Any]]) -> None:
    """Replace the file by these entries.

    Raises:
        CheckpointError: It cannot be written.
    """
    lines = "".join(json.dumps(entry) + "\n" for entry in history)
    try:
        write_whole(path, lines.encode())
    except OSError as error:
        raise _unwritten(path, error) from error


def append_history(path: Path, entry: Mapping[str, Any]) -> None:
    """Add one entry.

    Raises:
        CheckpointError: It cannot be written.
    """
    try:
        append_line(path, json.dumps(entry))
    except OSError as error:
        raise _unwritten(path, error) from error


def _unwritten(path: Path, error: OSError) -> CheckpointError:
    return CheckpointError(
        f"{path}: the history cannot be written ({error.strerror or error}); make room, or choose "
        "another run_dir"
    )
