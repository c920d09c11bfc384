"""The result of a training run."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .run_store import RunStore


@dataclass(frozen=True)
class Run:
    """What `fit` returns.

    Attributes:
        history: One entry per epoch: "epoch" (from 1), "step" (steps so far), "train" and "val"
            (bounds in nats per datum; "val" is None without validation data, or where it was not
            finite), "lr", "grad_norm" (mean over the epoch, before clipping), "seconds", on CUDA
            also "peak_bytes" (the most that tensors took on the device at once, all included). A
            guide of several latent sites adds "kl[site]" of each, in nats per datum, over the
            first 1,000 validation data, or the first batch where there are none.
        best: "epoch" and "val" of the best validation; of the last epoch without validation data.
        steps: Optimiser steps, those before a resumption included.
        run_dir: The run's folder, if it has one: last.safetensors, best.safetensors,
            history.jsonl.
        compile_seconds: Time that capturing and compiling took; 0.0 where nothing was.
    """

    history: list[dict[str, Any]]
    best: dict[str, Any]
    steps: int
    run_dir: Path | None
    compile_seconds: float
    _store: RunStore

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
        """
        self._store.load_best()

    def __repr__(self) -> str:
        return f"Run({len(self.history)} epochs, {self.steps} steps, best {self.best})"
