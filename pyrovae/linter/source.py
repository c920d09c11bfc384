"""Lines of the user's program: where a statement stands, and how it should read."""

import linecache
import sysconfig
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import numpy
import pyro
import torch

_LIBRARIES = tuple(
    str(path)
    for path in (
        Path(torch.__file__).parent,
        Path(pyro.__file__).parent,
        Path(numpy.__file__).parent,
        Path(__file__).parent.parent,
        Path(sysconfig.get_paths()["stdlib"]),
    )
)
_HERE = str(Path(__file__).parent)
_INSTALLED = ("site-packages", "dist-packages")


@dataclass(frozen=True)
class SourceLine:
    """One line of a program.

    Attributes:
        file: As Python names it.
        number: Counted from one.
        text: Without indentation; empty where it cannot be read.
    """

    file: str
    number: int
    text: str

    @property
    def place(self) -> str:
        """File, without its folder, and number: "mine.py:12"."""
        return f"{Path(self.file).name}:{self.number}"

    def replaced(self, old: str, new: str) -> str | None:
        """The text with one part replaced; None where it does not hold that part just once."""
        return self.text.replace(old, new) if self.text.count(old) == 1 else None


def is_users(file: str) -> bool:
    """Whether a file is the user's own: of no library and of no code made at run time."""
    if file.startswith("<") and not file.startswith(("<ipython", "<doctest")):
        return False
    if any(f"/{folder}/" in file.replace("\\", "/") for folder in _INSTALLED):
        return False
    return not file.startswith(_LIBRARIES)


def users_line(frame: FrameType | None) -> SourceLine | None:
    """The innermost line of the user's own among a frame and those that called it."""
    while frame is not None and frame.f_code.co_filename.startswith(_HERE):
        frame = frame.f_back  # of the handler that asks
    while frame is not None and not frame.f_code.co_filename.startswith(_HERE):
        if is_users(frame.f_code.co_filename):
            return line_at(frame.f_code.co_filename, frame.f_lineno)
        frame = frame.f_back
    return None


def line_of(error: BaseException) -> SourceLine | None:
    """The innermost line of the user's own that an error passed, its first cause's before it."""
    for each in _causes(error):
        for frame, number in reversed(list(traceback.walk_tb(each.__traceback__))):
            if is_users(frame.f_code.co_filename):
                return line_at(frame.f_code.co_filename, number)
    return None


def first_cause(error: BaseException) -> BaseException:
    """The error that led to the others."""
    return next(iter(_causes(error)))


def _causes(error: BaseException) -> Iterable[BaseException]:
    chain = list(_chain(error))
    return reversed(chain)


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        yield each
        each = each.__cause__


def line_at(file: str, number: int) -> SourceLine:
    """A line of a file."""
    return SourceLine(file, number, linecache.getline(file, number).strip())


def defined_at(program: object) -> SourceLine | None:
    """Where a function of the user's own, or the `forward` of a module, is defined."""
    inner = getattr(program, "forward", program)
    code = getattr(getattr(inner, "__func__", inner), "__code__", None)
    if code is None or not is_users(code.co_filename):
        return None
    return line_at(code.co_filename, code.co_firstlineno)
