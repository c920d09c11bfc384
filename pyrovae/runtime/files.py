"""Write files whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, NoReturn

from ..errors import SaveError


@contextmanager
def written_whole(path: Path) -> Iterator[BinaryIO]:
    """A file to write, so that at any moment the path holds the old one or the new one, whole.

    Raises:
        OSError: It cannot be written; the old one is as it was, as after any other error within.
    """
    # A short name: that of the file may be as long as names can be.
    unfinished = path.with_name(f"{path.name[:40]}.unfinished")
    try:
        # A new file: an old one may be a link to another file, or a pipe.
        unfinished.unlink(missing_ok=True)
        with open(unfinished, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except BaseException:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that at any moment the path holds the old one or the new one, whole.

    Raises:
        OSError: It cannot be written; the old one is as it was.
    """
    with written_whole(path) as file:
        file.write(content)


@contextmanager
def saved(path: Path) -> Iterator[BinaryIO]:
    """`written_whole`, in a folder that is made where it is missing, with an error that helps.

    Raises:
        SaveError: The file cannot be written; the old one is as it was.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as file:
            yield file
    except OSError as error:
        _refuse(path, error)


def save(path: Path, content: bytes | str) -> None:
    """`write_whole`, in a folder that is made where it is missing, with an error that helps.

    Raises:
        SaveError: The file cannot be written; the old one is as it was.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content.encode() if isinstance(content, str) else content)
    except OSError as error:
        _refuse(path, error)


def _refuse(path: Path, error: OSError) -> NoReturn:
    raise SaveError(
        f"{path} cannot be written ({error.strerror or error}); make room, or choose another place"
    ) from error


def append_line(path: Path, line: str) -> None:
    """Add a line to a text file; where that fails, the file ends as it did.

    Raises:
        OSError: It cannot be written.
    """
    with open(path, "ab", buffering=0) as file:
        size = file.tell()
        content = (line + "\n").encode()
        try:
            while content:
                content = content[file.write(content) :]
        except OSError:
            with suppress(OSError):
                file.truncate(size)
            raise
