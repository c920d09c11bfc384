"""The steps of a run, taken by one process on whole batches."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter

from torch import Tensor

from ..errors import ConfigError, NonFiniteError
from ..objectives.objective import Objective
from ..particles.non_finite import WAY_OUT, find_non_finite
from .fitted_batches import FittedBatches
from .loop import Loop
from .run_store import RunStore
from .single_row import is_single_row
from .step.compiled import Between, StepResult
from .step.guarded import (
    STEPS_BETWEEN_WAITS,
    NonFiniteStep,
    guarded_series,
    guarded_step,
)
from .step.svi import SVI

Batch = tuple[Tensor, ...]

_LARGE = 100.0  # beyond which data are on another scale than networks expect


class Stepper:
    """Takes the steps of a run.

    Args:
        svi: Takes one step.
        objective: Of the run.
        loop: Where the run stands.
        store: Knows the last checkpoint.
        source: Of the batches.
    """

    def __init__(
        self,
        svi: SVI,
        objective: Objective,
        loop: Loop,
        store: RunStore,
        source: FittedBatches,
    ) -> None:
        self._svi, self._objective = svi, objective
        self._loop, self._store, self._source = loop, store, source

    def prepare(self, batches: Sequence[Batch], fresh: Sequence[Batch]) -> None:
        """Compile a step before the first one: see `SVI.prepare`."""
        self._svi.prepare(batches, fresh)

    def take(self, batches: Sequence[Batch], *, wait: bool) -> list[StepResult]:
        """Take a step on each batch, in one graph where steps are compiled.

        Args:
            batches: Of this call.
            wait: Wait for the device to see whether the steps were taken. It is also done every
                `STEPS_BETWEEN_WAITS` steps and at the end of an epoch.

        Raises:
            NonFiniteError: The loss or the gradient of a step is not finite. The parameters are
                those of the last good step.
        """
        wait = self._waits(len(batches), wait)
        with self._placed(batches):
            return self._guarded(batches, wait=wait)

    def take_series(
        self, batches: Sequence[Batch], between: Between, *, wait: bool
    ) -> list[StepResult] | None:
        """Take compiled steps on batches that are alike, with little Python between them.

        Args:
            batches: Of this call, alike in all but values.
            between: What is done before and after each step.
            wait: As for `take`.

        Returns:
            What the first of these steps gave, if possible all; None where they are to be taken
            one by one, as before they are compiled.

        Raises:
            NonFiniteError: As for `take`.
        """
        wait = self._waits(len(batches), wait)
        with self._placed(batches):
            return guarded_series(self._svi, self._objective, batches, between, wait=wait)

    def _waits(self, count: int, wait: bool) -> bool:
        """Whether to wait for the device after so many steps."""
        loop = self._loop
        after = loop.batch + count
        return (
            wait
            or loop.device.type == "cpu"
            or after // STEPS_BETWEEN_WAITS > loop.batch // STEPS_BETWEEN_WAITS
            or loop.stopping
            or after == loop.steps_per_epoch
        )

    @contextmanager
    def _placed(self, batches: Sequence[Batch]) -> Iterator[None]:
        """Within this context an error of a step says which batch it is about."""
        try:
            yield
        except NonFiniteStep as failed:
            self._loop.batch += failed.before
            raise self._non_finite(str(failed), batches[failed.before]) from failed.__cause__
        except ValueError as error:
            if is_single_row(error):  # of a batch that nothing announced
                raise self._single_row(batches) from error
            raise

    def should_stop(self, last: StepResult) -> bool:
        """Whether a callback has asked for the end of the run.

        Raises:
            NonFiniteError: It has, and the last step was not taken.
        """
        if not self._stop_requested:
            return False
        self._loop.request_stop()
        if not last.taken:
            raise self._non_finite("the loss or a gradient")
        return True

    def synchronise(self) -> None:
        """Begin an epoch in the same state on all ranks; one process has nothing to do."""

    def seconds_since(self, start: float) -> float:
        """Time since `perf_counter` gave `start`, the same on all ranks."""
        return perf_counter() - start

    @property
    def _stop_requested(self) -> bool:
        return self._loop.stopping

    def _guarded(self, batches: Sequence[Batch], *, wait: bool) -> list[StepResult]:
        return guarded_step(self._svi, self._objective, batches, wait=wait)

    def _non_finite(self, cause: str, batch: Batch = ()) -> NonFiniteError:
        loop, last = self._loop, self._store.last
        kept = f"the last good checkpoint is {last}" if last else "there is no checkpoint"
        bad = find_non_finite(batch, self._source.types.names[: len(batch)])
        if bad is not None:
            found = self._source.locate(bad, loop.epoch - 1, loop.batch)
            cause, advice = f"{found}, and {cause}", WAY_OUT
        else:
            advice = f"Try a lower lr, clip_norm, or data on a smaller scale{_scale_of(batch)}"
        return NonFiniteError(
            f"epoch {loop.epoch}, batch {loop.batch} (of {loop.steps_per_epoch}, from 0): {cause} "
            f"is not finite. The step was not taken; {kept}. {advice[0].upper()}{advice[1:]}"
        )

    def _single_row(self, batches: Sequence[Batch]) -> ConfigError:
        loop = self._loop
        first = loop.batch + next((i for i, b in enumerate(batches) if len(b[0]) == 1), 0)
        return ConfigError(
            f"fit: batch {first} of epoch {loop.epoch} (of {loop.steps_per_epoch}, from 0) has "
            "one row, and batch norm in training mode needs more; let the loader drop it, choose "
            "another batch size, or put the network into evaluation mode, which fit leaves as it "
            "is"
        )


def _scale_of(batch: Batch) -> str:
    """What the advice says of the data themselves."""
    x = batch[0] if batch and batch[0].is_floating_point() else None
    if x is None or x.numel() == 0 or float(x.abs().max()) <= _LARGE:
        return ""
    return f": they reach {float(x.abs().max()):.2g}; (x - mean) / std by column is usual"
