"""What a run folder says about its run."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import CheckpointError
from ..runtime.fields import table, tables, whole
from .checkpoint_file import read_checkpoint
from .history import History
from .resume_checks import naming


@dataclass(frozen=True)
class RunRecord:
    """What a checkpoint says about its run.

    Attributes:
        path: Of the checkpoint.
        history: One entry per epoch.
        best: "epoch" and "val" of the best epoch; empty before the first was done.
        steps: Optimiser steps.
        identity: See `identity_of`.
    """

    path: Path
    history: History
    best: dict[str, Any]
    steps: int
    identity: dict[str, Any]


def checkpoint_in(folder: str | os.PathLike[str], which: str) -> Path:
    """The checkpoint of a run by its name, "best" or "last".

    Raises:
        CheckpointError: There is no such folder or checkpoint; the message says what there is.
    """
    folder = Path(folder)
    path = folder / f"{which}.safetensors"
    if path.is_file():
        return path
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "there is no such folder"
        raise CheckpointError(
            f"{folder}: {what}; name a run folder, which `fit(run_dir=...)` or `pyrovae fit` wrote"
        )
    others = sorted(p.stem for p in folder.glob("*.safetensors"))
    others = [name for name in others if name in ("best", "last")]
    way_out = f"it holds '{others[0]}'" if others else "it is no run folder, or of a run that " \
        "stopped before its first checkpoint"  # fmt: skip
    raise CheckpointError(f"{folder} holds no {which}.safetensors; {way_out}")


def read_record(folder: str | os.PathLike[str]) -> RunRecord:
    """What the last checkpoint of a folder says, or the best where there is no last.

    Raises:
        CheckpointError: The folder holds no run, or a damaged one.
    """
    has_best_only = not (Path(folder) / "last.safetensors").is_file()
    has_best_only &= (Path(folder) / "best.safetensors").is_file()
    path = checkpoint_in(folder, "best" if has_best_only else "last")
    _, meta = read_checkpoint(path)
    with naming(path, "cannot be read"):
        entries, best = tables(meta, "history"), table(meta, "best")
        steps, identity = whole(meta, "step"), table(meta, "run")
    return RunRecord(path, History(entries), best, steps, identity)
