"""Where a training run stands: what the loop stores and callbacks see."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import CheckpointError
from ..particles.tracing import Program
from ..runtime.fields import real, table, tables, whole
from ..runtime.memory import forget_peak, peak_so_far
from .optim.joint import JointOptimizer


@dataclass
class Loop:
    """Where a training run stands.

    Attributes:
        model: The pair's model.
        guide: The pair's guide.
        optimizer: Steps all leaves; `optimizer.torch` is the torch optimiser.
        epochs: How many the run is to have.
        steps_per_epoch: Batches of an epoch.
        run_dir: Folder of the run, if it has one.
        epoch: The epoch in progress, from 1.
        batch: How many of its batches are done.
        history: One entry per epoch done.
        best: Epoch and value of the best validation so far; empty before the first.
        rank: Of this process in the run; 0 writes files and prints.
    """

    model: Program
    guide: Program
    optimizer: JointOptimizer
    epochs: int
    steps_per_epoch: int
    run_dir: Path | None
    device: torch.device
    epoch: int = 1
    batch: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)
    best: dict[str, Any] = field(default_factory=dict)
    stopping: bool = False
    rank: int = 0

    def __post_init__(self) -> None:
        self._reset_sums()

    @property
    def step(self) -> int:
        """Steps done, over all epochs."""
        return (self.epoch - 1) * self.steps_per_epoch + self.batch

    @property
    def total_steps(self) -> int:
        """Steps of the whole run."""
        return self.epochs * self.steps_per_epoch

    @property
    def progress(self) -> float:
        """Fraction of the run that is done, in [0, 1]."""
        return min(1.0, self.step / self.total_steps)

    @property
    def finished(self) -> bool:
        """Whether all epochs are done, or the run is to stop."""
        return self.stopping or self.epoch > self.epochs

    def request_stop(self) -> None:
        """End the run after the step in progress; its checkpoint is still written."""
        self.stopping = True

    def next_epoch(self) -> None:
        """Go to the beginning of the next epoch."""
        self.epoch, self.batch = self.epoch + 1, 0
        self._reset_sums()

    def _reset_sums(self) -> None:
        self._loss = torch.zeros((), dtype=torch.float64, device=self.device)
        self._norm = torch.zeros((), dtype=torch.float64, device=self.device)
        self._rows, self.seconds = 0, 0.0
        forget_peak(self.device)

    def record(self, loss: float | Tensor, norm: Tensor, rows: int) -> None:
        """Add one step to the sums of the epoch, without waiting for the device."""
        self._loss += loss
        self._norm += norm
        self._rows += rows
        self.batch += 1

    def record_all(self, losses: Tensor, norms: Tensor, rows: int) -> None:
        """`record` for steps [n] on batches of `rows` each; the sums are the same.

        A device is not waited for; there the sums may round in another way.
        """
        for total, values in ((self._loss, losses), (self._norm, norms)):
            values = values.double()
            if values.is_cuda:
                total += values.sum()
            else:  # one by one, as `record` adds them
                found = float(total)
                for value in values.tolist():
                    found += value
                total.fill_(found)
        self._rows += rows * len(losses)
        self.batch += len(losses)

    def summary(self) -> dict[str, Any]:
        """Entry of the epoch for the history, before validation."""
        groups = [] if self.optimizer.torch is None else self.optimizer.torch.param_groups
        peak = peak_so_far(self.device)
        return {
            "epoch": self.epoch,
            "step": self.step,
            "train": -float(self._loss) / self._rows,
            "val": None,
            "lr": float(groups[0]["lr"]),
            "grad_norm": float(self._norm) / self.batch,
            "seconds": self.seconds,
            **({} if peak is None else {"peak_bytes": peak}),
        }

    def position(self) -> dict[str, Any]:
        """The state of the loop as plain numbers."""
        sums = {
            "loss": float(self._loss),
            "grad_norm": float(self._norm),
            "rows": self._rows,
            "seconds": self.seconds,
        }
        return {
            "epoch": self.epoch,
            "batch": self.batch,
            "step": self.step,
            "sums": sums,
            "history": self.history,
            "best": self.best,
        }

    def check(self, position: Mapping[str, Any]) -> None:
        """Check that `go_to` can take this; nothing changes.

        Raises:
            CheckpointError: It is no place in this run.
        """
        epoch = whole(position, "epoch", 1)
        batch = whole(position, "batch", 0, self.steps_per_epoch - 1)
        step = (epoch - 1) * self.steps_per_epoch + batch
        whole(position, "step", step, step)
        sums = table(position, "sums")
        real(sums, "loss")
        real(sums, "grad_norm", 0.0)
        real(sums, "seconds", 0.0)
        whole(sums, "rows", min(1, batch))
        history, best = tables(position, "history"), table(position, "best")
        if len(history) != epoch - 1:
            raise CheckpointError(
                f"it is in epoch {epoch}, and has the figures of {len(history)} epochs"
            )
        for i, entry in enumerate(history, 1):
            self._check_entry(i, entry)
        if history:
            whole(best, "epoch", 1, epoch - 1)
            _check_bound(best)
        elif best:
            raise CheckpointError("it names a best epoch, and none is done")

    def _check_entry(self, epoch: int, entry: Mapping[str, Any]) -> None:
        whole(entry, "epoch", epoch, epoch)
        whole(entry, "step", epoch * self.steps_per_epoch, epoch * self.steps_per_epoch)
        for name in ("train", "lr", "grad_norm", "seconds"):
            real(entry, name)
        _check_bound(entry)
        for name, value in entry.items():
            if value is not None and type(value) is not float:
                whole(entry, name)  # of bytes, say; a float may well be NaN

    def go_to(self, position: dict[str, Any]) -> None:
        """Continue where `position` was taken."""
        self.epoch, self.batch = position["epoch"], position["batch"]
        self.history, self.best = position["history"], position["best"]
        self._loss.fill_(position["sums"]["loss"])
        self._norm.fill_(position["sums"]["grad_norm"])
        self._rows, self.seconds = position["sums"]["rows"], position["sums"]["seconds"]


def _check_bound(entry: Mapping[str, Any]) -> None:
    if entry.get("val", ()) is not None:
        real(entry, "val")
