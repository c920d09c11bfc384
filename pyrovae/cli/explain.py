"""What the command says of an error, in one sentence, and the exit code that it gives."""

import linecache
import os
import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from ..errors import ConfigError, PyrovaeError, first_line
from ..runtime.interrupts import Interrupted

WRONG_INPUT, OWN_ERROR, INTERRUPTED, NO_READER = 2, 1, 130, 141
"""Exit codes: what the user can correct; an error of this library; as other tools of the shell."""

_LONGEST = 400  # characters of a message of others that a sentence repeats

# Packages that the command runs by itself. What another one raises is the user's.
_LIBRARIES = frozenset({
    "pyrovae", "torch", "torchvision", "torchgen", "functorch", "pyro", "opt_einsum", "numpy",
    "scipy", "sklearn", "joblib", "safetensors", "jsonargparse", "typeshed_client", "shtab",
    "yaml", "tqdm", "matplotlib", "PIL", "tensorboard", "pandas", "polars", "pyarrow", "h5py",
    "constriction", "__main__", "_pytest", "pluggy",
})  # fmt: skip

OF_VALUES = (
    ValueError, TypeError, ArithmeticError, LookupError, RuntimeError, MemoryError, AssertionError,
)  # fmt: skip
"""What wrong values lead to in this library and in those below it; torch asserts, too."""


def explain(error: BaseException) -> tuple[str, int]:
    """A sentence for an error that ended a command, "" where nothing is to be said; an exit code.

    An error of the user's own code is told by its file and line. One that this library did not
    foresee says so, and how to see where it comes from.
    """
    if isinstance(error, PyrovaeError):
        return one_line(str(error)), WRONG_INPUT
    where = own_line(error)
    if isinstance(error, SystemExit):
        if where is None:  # after --help
            return "", error.code if isinstance(error.code, int) else int(error.code is not None)
        return f"{where}: it ends the process; let it raise an error instead", WRONG_INPUT
    if isinstance(error, Interrupted):
        way_on = error.way_on.replace("`resume=True`", "`fit --resume`")
        return f"interrupted after {error.done}" + (f"; {way_on}" if way_on else ""), INTERRUPTED
    if isinstance(error, KeyboardInterrupt) and (where is None or not _is_raised(error)):
        return "interrupted; `fit --resume` continues a run from its last checkpoint", INTERRUPTED
    if isinstance(error, BrokenPipeError):  # the reader of the output has gone
        return "", NO_READER
    if where is not None:
        return f"{where}: {named(error)}; correct this code", WRONG_INPUT
    if isinstance(error, OSError):  # no space or no permission, for a file or for the output
        file = f"{error.filename}: " if error.filename else ""
        return one_line(f"{file}{error.strerror or error}"), WRONG_INPUT
    if _is_of_memory(error):
        size = re.search(r"allocate (\d+) bytes|allocate ([\d.]+ \w*B)", str(error))
        of = f" of {size[2] or f'{int(size[1]) / 1e9:.0f} GB'}" if size else ""
        return (
            f"a tensor{of} needs more memory than there is; choose smaller sizes, or fewer data, "
            "particles or rows at once"
        ), WRONG_INPUT
    if isinstance(error, OF_VALUES):
        return (
            f"what was given cannot be computed ({named(error)}); correct the options or the "
            "data, or see with --traceback where it happened"
        ), WRONG_INPUT
    return (
        f"this looks like an error of pyrovae itself ({named(error)}); please report what "
        "--traceback shows"
    ), OWN_ERROR


def wants_traceback(words: list[str]) -> bool:
    """Take `--traceback` out of the words; whether it, or PYROVAE_TRACEBACK=1, was given."""
    given = "--traceback" in words
    words[:] = [word for word in words if word != "--traceback"]
    return given or os.environ.get("PYROVAE_TRACEBACK", "") not in ("", "0")


def one_line(message: str) -> str:
    """Without line breaks, addresses, and control characters, which a file may hold."""
    text = re.sub(r" at 0x[0-9a-f]+", "", " ".join(message.split()))
    return "".join(c if c.isprintable() else "?" for c in text)


def named(error: BaseException) -> str:
    """The class of an error and the first line of its message."""
    told = _told(error)
    name = type(error).__name__
    return name if told in ("", name) else f"{name}: {told}"


def _told(error: BaseException) -> str:
    """The first line of a message, shortened."""
    text = one_line(first_line(error)).rstrip(" .;:")
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _is_of_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError):
        return True
    text = str(error)
    return isinstance(error, RuntimeError) and any(
        words in text for words in ("can't allocate memory", "out of memory", "Storage size calc")
    )


def own_line(error: BaseException) -> str | None:
    """File and line of the user's own code when it failed; None where none of it took part."""
    found = None
    for frame, line in _frames(error):
        if _is_own(frame):
            found = f"{_shown(frame.f_code.co_filename)}, line {line}, in {frame.f_code.co_name}"
    return None if found is None else found.replace(", in <module>", "")


def _frames(error: BaseException) -> Iterator[tuple[FrameType, int]]:
    return traceback.walk_tb(error.__traceback__)


def _is_own(frame: FrameType) -> bool:
    top = str(frame.f_globals.get("__name__", "")).partition(".")[0]
    is_written = not frame.f_code.co_filename.startswith("<")
    return is_written and top not in _LIBRARIES and top not in sys.stdlib_module_names


def _is_raised(error: BaseException) -> bool:
    """Whether the innermost line raises the error by itself, as no signal does."""
    last = list(_frames(error))[-1]
    return linecache.getline(last[0].f_code.co_filename, last[1]).lstrip().startswith("raise")


def _shown(file: str) -> str:
    try:
        return str(Path(file).relative_to(Path.cwd()))
    except (ValueError, OSError):  # elsewhere, or the folder has gone
        return file


@contextmanager
def blamed_on(what: str, way_out: str, *, is_own: bool = False) -> Iterator[None]:
    """Say in one sentence what values lead to here, in place of an error of torch's or Pyro's.

    Errors of this library, and those within the user's own code, pass as they are.

    Args:
        what: Such as "--model VAE cannot be built".
        way_out: What the user can do.
        is_own: Code of the user's own takes part, whose objects may lack what is asked of them.

    Raises:
        ConfigError: In place of another error.
    """
    kinds = (*OF_VALUES, AttributeError) if is_own else OF_VALUES
    try:
        yield
    except PyrovaeError:
        raise
    except kinds as error:
        if own_line(error) is not None or _is_of_memory(error):
            raise
        raise ConfigError(f"{what} ({named(error)}); {way_out}") from error
