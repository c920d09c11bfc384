"""Batches cut among the ranks of a run."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from torch import Tensor

from ...errors import ConfigError, PlateError, SiteError
from ...objectives.objective import Objective
from ...runtime.distributed import Part, Team
from ..loss_scale import LossScale, batch_plate_of
from .shared_noise import SharedNoise


@dataclass(frozen=True)
class Shard:
    """What one rank computes of a batch.

    Attributes:
        rows: Its rows of every tensor.
        part: Which these are.
        weight: What its loss is to be multiplied by, so that the sum over the ranks is the loss of
            the whole batch.
        noise: Context in which its rows meet their noise.
    """

    rows: tuple[Tensor, ...]
    part: Part
    weight: float
    noise: AbstractContextManager[object]


class Sharding:
    """Cuts batches among the ranks; alone, it leaves them as they are.

    Args:
        team: The ranks.
        share: Finds the scale of a batch's loss.
        objective: Whose particles are drawn.

    Raises:
        ConfigError: The objective is one joint bound over all data, which is no sum over them.
    """

    def __init__(self, team: Team, share: LossScale, objective: Objective) -> None:
        if not team.alone and batch_plate_of(objective) is None:
            raise ConfigError(
                f"batch_plate=None asks for one joint bound over all data, and {team.size} ranks "
                "each see a part of them; train on one process, or write a plate over data"
            )
        self._team, self._share = team, share
        self._objective = objective

    def __call__(self, batch: Sequence[Tensor]) -> Shard:
        """This rank's piece of a batch.

        Raises:
            ConfigError: The pair has no plate over data, or cannot be drawn to see whether.
        """
        if self._team.alone:
            return Shard(tuple(batch), Part(0, len(batch[0]), len(batch[0])), 1.0, nullcontext())
        part = self._team.part(len(batch[0]))
        rows = part.of(batch)
        try:
            whole, own = self._share.scale(batch), self._share.scale(rows)
        except (PlateError, SiteError) as error:
            raise ConfigError(
                f"{self._team.size} ranks share a batch by its rows, which needs a pair with one "
                f"plate over data around every site ({error}); train on one process"
            ) from error
        if self._share.has_global_sites:
            raise ConfigError(
                "the pair draws sites outside of its plate over data, and "
                f"{self._team.size} ranks would each count them; train on one process"
            )
        weight = float(whole / own) if part.counts else 0.0
        return Shard(rows, part, weight, SharedNoise(part, self._particles(rows)))

    def _particles(self, rows: Sequence[Tensor]) -> int:
        """How many are drawn along an axis of their own."""
        objective, share = self._objective, self._share
        together = objective.draws_in_one_pass(share.model, share.guide, *rows)
        return objective.num_particles if together else 1
