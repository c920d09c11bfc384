"""The rows of each batch that a rank computes."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from torch import Tensor

from ...errors import ConfigError, PlateError, SiteError
from ...objectives.objective import Objective
from ...runtime.distributed import Part, Team
from ..loss_scale import LossScale
from .shared_noise import SharedNoise


@dataclass(frozen=True)
class Shard:
    """The part of a batch that one rank computes.

    Attributes:
        rows: Its rows of every tensor.
        part: Where these rows are in the batch.
        weight: Factor on its loss; the sum over the ranks is then the loss of the whole batch.
        noise: Context in which its rows get the noise that they get in one process.
    """

    rows: tuple[Tensor, ...]
    part: Part
    weight: float
    noise: AbstractContextManager[object]


class Sharding:
    """Divides batches among the ranks; a single process gets them whole.

    Args:
        team: The ranks.
        loss_scale: Of the pair.
        objective: Whose particles are drawn.

    Raises:
        ConfigError: The objective is one joint bound over all data, which is no sum over them.
    """

    def __init__(self, team: Team, loss_scale: LossScale, objective: Objective) -> None:
        if not team.alone and objective.batch_plate is None:
            raise ConfigError(
                f"batch_plate=None asks for one joint bound over all data, and {team.size} ranks "
                "each see a part of them; train on one process, or write a plate over data"
            )
        self._team, self._loss_scale = team, loss_scale
        self._objective = objective

    def __call__(self, batch: Sequence[Tensor]) -> Shard:
        """This rank's part of a batch.

        Raises:
            ConfigError: The pair has no plate over data, or cannot be drawn to see whether.
        """
        if self._team.alone:
            return Shard(tuple(batch), Part(0, len(batch[0]), len(batch[0])), 1.0, nullcontext())
        part = self._team.part(len(batch[0]))
        rows = part.of(batch)
        try:
            whole, own = self._loss_scale.scale(batch), self._loss_scale.scale(rows)
        except (PlateError, SiteError) as error:
            raise ConfigError(
                f"{self._team.size} ranks share a batch by its rows, which needs a pair with one "
                f"plate over data around every site ({error}); train on one process"
            ) from error
        if self._loss_scale.has_global_sites:
            raise ConfigError(
                "the pair draws sites outside of its plate over data, and "
                f"{self._team.size} ranks would each count them; train on one process"
            )
        weight = float(whole / own) if part.counts else 0.0
        return Shard(rows, part, weight, SharedNoise(part, self._particles(rows)))

    def _particles(self, rows: Sequence[Tensor]) -> int:
        """How many particles are drawn along an axis of their own."""
        objective, loss_scale = self._objective, self._loss_scale
        together = objective.draws_in_one_pass(loss_scale.model, loss_scale.guide, *rows)
        return objective.num_particles if together else 1
