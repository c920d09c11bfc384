"""The library's log, where training says how far it is when no terminal shows a bar."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

LOG = logging.getLogger("pyrovae")
"""Silent in a script until `logging` is configured, say by `logging.basicConfig(level="INFO")`."""

LOG.addHandler(logging.NullHandler())


@contextmanager
def log_on_stderr() -> Iterator[None]:
    """Within this context the log goes to stderr, with the time, as that of a command does.

    Where the caller has configured `logging` for it already, nothing changes.
    """
    if LOG.isEnabledFor(logging.INFO) and logging.getLogger().handlers:
        yield
        return
    handler, level = logging.StreamHandler(sys.stderr), LOG.level
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%d %H:%M:%S"))
    LOG.addHandler(handler)
    LOG.setLevel(logging.INFO)
    try:
        yield
    finally:
        LOG.removeHandler(handler)
        LOG.setLevel(level)
