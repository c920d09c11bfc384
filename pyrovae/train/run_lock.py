"""Lock a run folder, so that one run at a time writes into it."""

import os
from contextlib import suppress
from pathlib import Path

from ..errors import ConfigError
from .run_dir import check_place

try:
    import fcntl
except ImportError:  # Windows has none, and folders are not locked there
    fcntl = None  # type: ignore[assignment]

LOCK = "run.lock"

_held: set[int] = set()


class RunLock:
    """Keeps every other run out of a folder, of this process or another.

    It is a lock of the operating system on the file `run.lock`. The file stays; the lock ends with
    the process, killed or not. On file systems without such locks, and on Windows, nothing is
    locked.

    Args:
        folder: Of the run; None locks nothing.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._file: int | None = None

    def take(self) -> None:
        """Make the folder and lock it.

        Raises:
            ConfigError: Another run writes into it, or it cannot be written to.
        """
        if self._folder is None:
            return
        check_place(self._folder)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            file = os.open(self._folder / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
        except (OSError, ValueError) as error:  # ValueError: a name with a zero byte
            reason = getattr(error, "strerror", None) or error
            raise ConfigError(
                f"run_dir={self._folder} cannot be written to ({reason}); choose another folder"
            ) from error
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(file)
                raise ConfigError(
                    f"run_dir={self._folder} is being written by another run; wait until it has "
                    "ended, or choose another folder"
                ) from None
            except OSError:  # a file system without locks
                pass
        self._file = file
        _held.add(file)

    def release(self) -> None:
        """Unlock the folder."""
        if self._file is not None:
            _held.discard(self._file)
            if fcntl is not None:  # a process that was just forked may still hold it open
                with suppress(OSError):
                    fcntl.flock(self._file, fcntl.LOCK_UN)
            os.close(self._file)
            self._file = None


def check_free(folder: Path) -> None:
    """Refuse a folder that a run is writing into; makes nothing.

    Raises:
        ConfigError: One is.
    """
    if (folder / LOCK).is_file():
        lock = RunLock(folder)
        lock.take()
        lock.release()


def _close_in_child() -> None:
    """Close the lock in a forked process: a DataLoader's worker may outlive the run."""
    for file in _held:
        with suppress(OSError):
            os.close(file)
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_in_child)
