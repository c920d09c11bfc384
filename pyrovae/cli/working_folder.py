"""Keeps the command from obeying files of the working folder, which may be a stranger's."""

import os
import sys
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from importlib import import_module
from tempfile import TemporaryDirectory

_SAFE = "PYTHONSAFEPATH"  # keeps Python from importing from the working folder


@contextmanager
def unobeyed_working_folder() -> Iterator[None]:
    """Within, neither child processes nor matplotlib read files of the working folder by name."""
    _import_matplotlib()
    with safe_child_processes():
        yield


@contextmanager
def safe_child_processes() -> Iterator[None]:
    """Within, child processes import nothing from the working folder.

    jsonargparse starts a process for type stubs, which imports json. It would import a `json.py`
    of the folder into which a stranger's run was unpacked.
    """
    before = os.environ.get(_SAFE)
    os.environ[_SAFE] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_SAFE]
        else:
            os.environ[_SAFE] = before


def _import_matplotlib() -> None:
    """Where there is a `matplotlibrc`, import matplotlib elsewhere: it would read the file."""
    if "matplotlib" in sys.modules or not os.path.isfile("matplotlibrc"):
        return
    with TemporaryDirectory() as empty, chdir(empty):
        import_module("matplotlib")
