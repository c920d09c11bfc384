"""Say why a computation cannot be a graph, and at which line."""

import sysconfig
import traceback
from pathlib import Path

import pyro
import torch

from ..errors import first_line

_OTHERS = [Path(path).parent for path in (torch.__file__, pyro.__file__)]
_OTHERS += [Path(sysconfig.get_paths()["stdlib"]), Path(__file__).parent]
_OURS = Path(__file__).parent.parent
_READS_VALUE = (
    "tracing tensor",
    "data-dependent",
    "Boolean value of Tensor",
    "aten._local_scalar",
)


def diagnose(error: Exception) -> str:
    """`line: reason`; the line is the innermost of the user's program, else of a library."""
    while isinstance(error.__cause__, Exception):  # the first cause says most
        error = error.__cause__
    reason = first_line(error)
    if any(words in str(error) for words in _READS_VALUE):
        reason = (
            "it reads the value of a tensor into Python (a branch, float(), .item()), which a "
            "graph would freeze; write it with tensors, such as torch.where"
        )
    return f"{_line_of(error)}: {reason}"


def _line_of(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    inner = [frame for frame in frames if not _is_in(frame.filename, _OTHERS)]
    users = [frame for frame in inner if not _is_in(frame.filename, [_OURS])]
    frame = (users or inner or list(frames))[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}, in {frame.name}, `{frame.line}`"


def _is_in(filename: str, folders: list[Path]) -> bool:
    return any(Path(filename).is_relative_to(folder) for folder in folders)
