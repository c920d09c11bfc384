"""The result of a training run."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import CheckpointError
from ..runtime.result import Result
from .history import History
from .run_record import read_record

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, repr=False)
class Run(Result):
    """What `fit` returns.

    It can be pickled and copied; such a copy can no longer change the pair by `load_best`.

    Attributes:
        history: One entry per epoch: "epoch" (from 1), "step" (steps so far), "train" and "val"
            (bounds in nats per datum; "val" is None without validation data, or where it was not
            finite), "lr", "grad_norm" (mean over the epoch, before clipping), "seconds", on CUDA
            also "peak_bytes" (the most that tensors took on the device at once, all included). A
            pair with latents adds "reconstruction" and the "kl[site]" of each latent site, in
            nats per datum, over the first 1,000 validation data, or the first batch where there
            are none. It is a list, and more: `history["train"]` is a column,
            `history.to_frame()` a pandas frame.
        best: "epoch" and "val" of the best validation; of the last epoch without validation data.
        steps: Optimiser steps, those before a resumption included.
        run_dir: The run's folder, if it has one: last.safetensors, best.safetensors,
            history.jsonl.
        compile_seconds: Time that capturing and compiling took; 0.0 where nothing was.
    """

    history: History
    best: dict[str, Any]
    steps: int
    run_dir: Path | None
    compile_seconds: float
    _load_best: Callable[[], None] | None = None

    @classmethod
    def read(cls, folder: str | os.PathLike[str]) -> "Run":
        """The run that a folder holds, without its pair.

        Raises:
            CheckpointError: The folder holds no run, or a damaged one.
        """
        record = read_record(folder)
        return cls(record.history, record.best, record.steps, Path(folder), 0.0)

    @property
    def seconds(self) -> float:
        """Time of all epochs, validation and checkpoints included."""
        return sum(entry["seconds"] for entry in self.history)

    @property
    def peak_bytes(self) -> int | None:
        """Most memory that tensors took on the device at once; None off CUDA."""
        return max((e["peak_bytes"] for e in self.history if "peak_bytes" in e), default=None)

    def load_best(self) -> None:
        """Give the pair the parameters and buffers of the best epoch, as `best` names it.

        Of several ranks each calls it: the first reads the file for all.

        Raises:
            CheckpointError: No epoch was finished, the file has been removed or damaged, or this
                is a run without its pair: a copy, or one that was read from its folder.
        """
        if self._load_best is None:
            where = self.run_dir or "the run's folder, if it has one"
            raise CheckpointError(
                "load_best: a run that was copied or read from its folder has no pair to fill; "
                f"pyrovae.load({str(where)!r}, pair) fills one"
            )
        self._load_best()

    def cells(self) -> list[list[str]]:
        return self.history.cells()

    def title(self) -> str:
        word = "epoch" if len(self.history) == 1 else "epochs"
        found = [f"{len(self.history)} {word}, {self.steps:,} steps, {self.seconds:.1f} s"]
        if self.best.get("val") is not None:
            found.append(f"best validation {self.best['val']:.2f} in epoch {self.best['epoch']}")
        if self.compile_seconds:
            found.append(f"compiling {self.compile_seconds:.1f} s")
        return ", ".join([*found, *([str(self.run_dir)] if self.run_dir else [])])

    def records(self) -> list[dict[str, Any]]:
        return self.history.records()

    def numbers(self) -> dict[str, Any]:
        return {
            "epochs": len(self.history),
            "steps": self.steps,
            "seconds": self.seconds,
            "compile_seconds": self.compile_seconds,
            "peak_bytes": self.peak_bytes,
            "best": dict(self.best),
            "run_dir": None if self.run_dir is None else str(self.run_dir),
            "history": self.records(),
        }

    def plot(self, *, title: str = "") -> "Figure":
        """Curves of the training as a matplotlib figure; nothing is shown or written.

        Args:
            title: Above the axes.
        """
        from .curves import training_curves  # matplotlib is slow to import

        return training_curves(self.history, title=title)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_load_best": None}

    def __copy__(self) -> "Run":
        found = replace(self)
        return found.marked(self.interrupted) if self.interrupted else found
