"""The folder that holds data files."""

import os
from pathlib import Path

from ..errors import DataError

Root = str | Path | None


def find_root(name: str, root: Root) -> Path:
    """`root`; for None the folder in the environment variable PYROVAE_DATA."""
    found = os.environ.get("PYROVAE_DATA") if root is None else root
    if not found:
        raise DataError(
            f"{name}: no data folder is known; pass root=, or set the environment variable "
            "PYROVAE_DATA"
        )
    return Path(found).expanduser()
