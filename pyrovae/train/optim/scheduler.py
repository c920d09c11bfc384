"""How the learning rates of a run change: by its progress, or by a scheduler of torch."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nan
from torch.optim import Optimizer
from torch.optim.lr_scheduler import CyclicLR, LRScheduler, OneCycleLR, ReduceLROnPlateau

from ...errors import ConfigError, first_line
from .schedules import Schedule

OF_STEPS = (OneCycleLR, CyclicLR)
"""Schedulers that torch's documentation steps after every batch."""


class Scheduler:
    """Leaves the rates as they are."""

    def before_step(self, progress: float) -> None:
        """Before a step, or before several that are one call."""

    def after_steps(self, count: int) -> None:
        """After so many steps."""

    def after_epoch(self, entry: Mapping[str, Any]) -> None:
        """After an epoch, with its entry in the history."""

    def resume(self, steps: int, history: Sequence[Mapping[str, Any]]) -> None:
        """Continue after so many steps and these epochs."""

    def check_length(self, steps: int, epochs: int) -> None:
        """Refuse a run of more steps and epochs than the rates are made for.

        Raises:
            ConfigError: It has more.
        """


class ByProgress(Scheduler):
    """Sets each group's rate to its first one times a factor.

    Args:
        schedule: Progress of the run in [0, 1] -> factor.
        optimizer: Whose rates these are.
    """

    def __init__(self, schedule: Schedule, optimizer: Optimizer) -> None:
        self._schedule, self._optimizer = schedule, optimizer

    def before_step(self, progress: float) -> None:
        factor = self._schedule(progress)
        if not math.isfinite(factor):
            raise ConfigError(
                f"schedule gives the factor {factor} at the progress {progress:g}, needs a "
                "finite number"
            )
        for group in self._optimizer.param_groups:
            rate = group.setdefault("initial_lr", float(group["lr"])) * factor
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate


class OfTorch(Scheduler):
    """Steps a scheduler of torch.

    A resumed run makes the scheduler anew and steps it as often as the run did before, with the
    bounds of the history. So nothing of it is read from a checkpoint, and the rates are those of a
    run that was never stopped.

    Args:
        scheduler: Of torch.
        optimizer: Whose rates it sets.
        per_step: Step it after every step; else after every epoch.
        validated: Whether a plateau is one of the validation bound; else of the training bound.
    """

    def __init__(
        self,
        scheduler: Any,  # noqa: ANN401 (each kind is stepped in its own way)
        optimizer: Optimizer,
        *,
        per_step: bool,
        validated: bool,
    ) -> None:
        self._scheduler, self._optimizer, self._per_step = scheduler, optimizer, per_step
        self._watched = "val" if validated else "train"
        self._begun = [_options(group) for group in optimizer.param_groups]
        self._taken = vars(scheduler).get("last_epoch", 0)
        self._due = 0
        self._has_stepped()

    def before_step(self, progress: float) -> None:
        for _ in range(self._due):
            self._step()
        self._due = 0

    def after_steps(self, count: int) -> None:
        # Not stepped yet, so that the history and callbacks have the rate that was used.
        self._due += count if self._per_step else 0

    def after_epoch(self, entry: Mapping[str, Any]) -> None:
        if self._per_step:
            return
        if isinstance(self._scheduler, ReduceLROnPlateau):
            self._step(self._loss(entry))
        else:
            self._step()

    def resume(self, steps: int, history: Sequence[Mapping[str, Any]]) -> None:
        self._has_stepped()
        for group, begun in zip(self._optimizer.param_groups, self._begun, strict=True):
            for key, value in begun.items():
                if isinstance(group.get(key), Tensor):
                    group[key].fill_(value)
                else:
                    group[key] = value
        self._due = max(0, steps - self._taken) if self._per_step else 0
        for entry in history[self._taken :]:
            self.after_epoch(entry)

    def check_length(self, steps: int, epochs: int) -> None:
        count, unit = (steps, "step") if self._per_step else (epochs, "epoch")
        made = self._scheduler
        if isinstance(made, OneCycleLR) and count > made.total_steps:
            raise ConfigError(
                f"schedule is a OneCycleLR of total_steps={made.total_steps}, and the run has "
                f"{count}, since it is stepped after every {unit}; give total_steps={count}"
            )

    def _has_stepped(self) -> None:
        """Tell torch that the optimiser steps first; a compiled step does not call it."""
        self._optimizer._opt_called = True  # type: ignore[attr-defined]

    def _loss(self, entry: Mapping[str, Any]) -> float:
        """What a plateau is looked for in: the bound if it is to rise, else minus the bound."""
        bound = nan if entry[self._watched] is None else float(entry[self._watched])
        return bound if self._scheduler.mode == "max" else -bound

    def _step(self, *metric: float) -> None:
        try:
            self._scheduler.step(*metric)
        except (ValueError, TypeError, IndexError) as error:
            when = "step" if self._per_step else "epoch"
            raise ConfigError(
                f"the schedule {type(self._scheduler).__name__} fails after a {when} "
                f"({first_line(error)}); make it for as many {when}s as the run has"
            ) from error


def is_scheduler(made: Any) -> bool:  # noqa: ANN401
    """Whether this is a scheduler of torch."""
    return isinstance(made, LRScheduler | ReduceLROnPlateau)


def _options(group: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a parameter group, tensors as numbers."""
    return {
        key: value.item() if isinstance(value, Tensor) else value
        for key, value in group.items()
        if key != "params"
    }
