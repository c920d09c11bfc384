"""The steps of a run, taken by several ranks that share every batch."""

from collections.abc import Sequence
from time import perf_counter

from ..objectives.objective import Objective
from ..runtime.distributed import Team
from ..runtime.random_state import kept_random_state
from .fitted_batches import FittedBatches
from .loop import Loop
from .ranks.all_reduce import AllReduce
from .ranks.shard import Sharding
from .ranks.synchronise import synchronise_random_state
from .run_store import RunStore
from .step.compiled import StepResult
from .step.guarded import guarded_step
from .step.svi import SVI
from .stepper import Batch, Stepper


class RankStepper(Stepper):
    """Takes this rank's part of every step.

    Args:
        svi: Takes one step.
        objective: Of the run.
        loop: Where the run stands.
        store: Knows the last checkpoint.
        source: Of the batches.
        team: The ranks.
        sharding: Cuts the batches.
        all_reduce: Sums gradients and losses, within the steps of `svi`.
    """

    def __init__(
        self,
        svi: SVI,
        objective: Objective,
        loop: Loop,
        store: RunStore,
        source: FittedBatches,
        team: Team,
        sharding: Sharding,
        all_reduce: AllReduce,
    ) -> None:
        super().__init__(svi, objective, loop, store, source)
        self._team, self._sharding, self._all_reduce = team, sharding, all_reduce

    def prepare(self, batches: Sequence[Batch], fresh: Sequence[Batch]) -> None:
        with kept_random_state():
            shards = [self._sharding(batch) for batch in (*batches, *fresh)]
        self._all_reduce.part = shards[0].part
        rows = [shard.rows for shard in shards]
        with shards[0].noise:
            super().prepare(rows[: len(batches)], rows[len(batches) :])

    def synchronise(self) -> None:
        """Stop all ranks where one stops, and give all the random state of the first."""
        self._loop.stopping = any(self._team.gather(self._loop.stopping))
        synchronise_random_state(self._team)

    def seconds_since(self, start: float) -> float:
        return self._team.from_first(lambda: perf_counter() - start)

    @property
    def _stop_requested(self) -> bool:
        return self._all_reduce.stop  # told with the gradients, so that all stop after one step

    def _guarded(self, batches: Sequence[Batch], *, wait: bool) -> list[StepResult]:
        results = []
        for batch in batches:
            shard = self._sharding(batch)
            self._all_reduce.expect(shard, stop=self._loop.stopping)
            with shard.noise:
                results += guarded_step(
                    self._svi,
                    self._objective,
                    [shard.rows],
                    wait=wait,
                    agree=self._team.first_known,
                )
        return results
