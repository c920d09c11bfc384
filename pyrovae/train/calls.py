"""How the batches of an epoch become calls of the compiled step, and what follows each step."""

from collections.abc import Iterable, Iterator
from time import perf_counter
from typing import Literal

import torch

from .callbacks.base import CallbackList
from .loop import Loop
from .loss_scale import LossScale
from .optim.average import WeightAverage
from .optim.scheduler import Scheduler
from .run_store import RunStore
from .step.compiled import Between, StepResult
from .stepper import Batch, Stepper

StepsPerCall = int | Literal["auto"]

_SECONDS, _MOST = 0.01, 64  # what a series of steps takes, about, and how many it has at most


class Calls:
    """Takes the steps of an epoch, and does what follows each of them.

    With "auto" the compiled step is called for many batches in a row, and the figures of the loop,
    callbacks that need not see each step, and checks for numbers that are not finite come once
    for all of them. The steps are the same to the last bit. Where a callback is to see each step,
    or steps are not compiled, they are taken one by one. With a number, so many steps are one
    graph.

    Args:
        stepper: Takes the steps.
        loop: Where the run stands.
        store: Knows the parameters.
        loss_scale: By which losses become nats per datum.
        scheduler: Changes the learning rates.
        average: Of the parameters, where they are averaged.
        steps_per_call: See `fit`; 1 where steps are not compiled.
        may_read_ahead: See `Minibatches`. Without, "auto" asks for a batch once the step before it
            is taken, and batches of a number of steps are copied.
    """

    def __init__(
        self,
        stepper: Stepper,
        loop: Loop,
        store: RunStore,
        loss_scale: LossScale,
        scheduler: Scheduler,
        average: WeightAverage | None,
        steps_per_call: StepsPerCall,
        *,
        may_read_ahead: bool = True,
    ) -> None:
        self._stepper, self._loop, self._store = stepper, loop, store
        self._loss_scale, self._scheduler, self._average = loss_scale, scheduler, average
        self._in_series = steps_per_call == "auto"
        self._may_read_ahead = may_read_ahead
        self.size = 1 if steps_per_call == "auto" else steps_per_call

    def of(self, stream: Iterable[Batch]) -> Iterator[list[Batch]]:
        """The batches on the device, as many in a list as one call takes."""
        call: list[Batch] = []
        for given in stream:
            batch = _moved(given, self._loop.device)
            if self.size > 1 and not self._may_read_ahead:
                batch = tuple(tensor.clone() for tensor in batch)
            if self._in_series and call and not _alike(call[0], batch):
                yield call
                call = []
            call.append(batch)
            if len(call) >= self.size:
                yield call
                call = []
        if self._in_series and call:
            yield call
        else:
            yield from ([batch] for batch in call)

    def take(self, batches: list[Batch], hooks: CallbackList, *, wait: bool) -> StepResult:
        """Take a step on each batch of a call, and do what follows each; gives the last.

        Args:
            batches: Of one call.
            hooks: Called after each step, or once after a series.
            wait: Wait for the device: see `Stepper.take`.
        """
        if self._in_series and not hooks.sees_every_step:
            steps = self._series(batches, wait)
            batches = batches[len(steps) :]
            if not batches:
                hooks.on_step(self._loop)
                return steps[-1]
        if self._in_series:
            self.size = 1
            return [self._one_call([batch], hooks, wait) for batch in batches][-1]
        return self._one_call(batches, hooks, wait)

    def _one_call(self, batches: list[Batch], hooks: CallbackList, wait: bool) -> StepResult:
        self._scheduler.before_step(self._loop.progress)
        steps = self._stepper.take(batches, wait=wait)
        for batch, step in zip(batches, steps, strict=True):
            scale, num_data = self._loss_scale(batch)
            self._loop.record(step.model_loss / scale, step.norm, num_data)
            self._after_step(0)
            hooks.on_step(self._loop)
        return steps[-1]

    def _series(self, batches: list[Batch], wait: bool) -> list[StepResult]:
        """Steps on the first of these batches, if possible on all."""
        started, loop = perf_counter(), self._loop
        steps = self._stepper.take_series(
            batches, Between(self._before_step, self._after_step), wait=wait
        )
        if not steps:
            return []
        scale, num_data = self._loss_scale(batches[0])
        losses = torch.stack([torch.as_tensor(step.model_loss) for step in steps])
        loop.record_all(losses / scale, torch.stack([step.norm for step in steps]), num_data)
        each = (perf_counter() - started) / len(steps)
        if self._may_read_ahead:
            self.size = max(1, min(_MOST, int(_SECONDS / each)))
        return steps

    def _before_step(self, place: int) -> None:
        loop = self._loop
        self._scheduler.before_step(min(1.0, (loop.step + place) / loop.total_steps))

    def _after_step(self, _: int) -> None:
        if self._average is not None:
            self._average.update(self._store.leaves())
        self._scheduler.after_steps(1)


def _alike(one: Batch, other: Batch) -> bool:
    """Whether two batches differ in values alone."""
    return len(one) == len(other) and all(
        a.shape == b.shape and a.dtype == b.dtype and a.stride() == b.stride()
        for a, b in zip(one, other, strict=True)
    )


def _moved(batch: Batch, device: torch.device) -> Batch:
    return tuple(tensor.to(device) for tensor in batch)
