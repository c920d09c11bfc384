"""Child processes that import nothing from the working folder."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

_SAFE = "PYTHONSAFEPATH"  # keeps Python from importing from the working folder


@contextmanager
def safe_child_processes() -> Iterator[None]:
    """Keep child processes from importing modules of the working folder.

    jsonargparse starts one for type stubs, which imports json. It would import a `json.py` of the
    folder into which a stranger's run was unpacked.
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
