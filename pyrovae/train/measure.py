"""Bounds in nats per datum: of a training batch's loss, and over all validation data."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pyro
import torch
from pyro.infer import ELBO as PyroELBO
from torch import Tensor, nn

from ..data import BatchSource
from ..tracing import Program, own_parameters, undisturbed
from .distributed import Team
from .division import Division
from .placement import evaluating
from .share import Share


@dataclass(frozen=True)
class Validation:
    """An objective over all data of a source, with the same noise every time.

    Networks are in evaluation mode meanwhile. Random streams, modes and running statistics are
    as before afterwards. Several ranks share every batch.
    """

    model: Program
    guide: Program
    objective: PyroELBO
    source: BatchSource
    networks: Sequence[nn.Module]
    share: Share
    seed: int
    device: torch.device
    team: Team = field(default_factory=Team)

    def __call__(self) -> float:
        """The bound in nats per datum, a mean over all data."""
        total = torch.zeros((), dtype=torch.float64, device=self.device)
        rows = 0
        division = Division(self.team, self.share, self.objective)
        with undisturbed(), evaluating(self.networks), torch.no_grad(), own_parameters():
            pyro.set_rng_seed(self.seed)
            for batch in self.source.epoch(0):
                batch = tuple(tensor.to(self.device) for tensor in batch)
                scale, data = self.share(batch)
                piece = division(batch)
                with piece.noise:
                    loss = first_loss(self._loss(*piece.rows))
                if piece.weight:
                    total += piece.weight * loss / scale
                rows += data
        self.team.sum(total)
        return -float(total) / rows

    def _loss(self, *batch: Tensor) -> Any:  # noqa: ANN401
        return cast(Any, self.objective).loss(self.model, self.guide, *batch)


def first_loss(loss: Any) -> float | Tensor:  # noqa: ANN401
    """The model's loss, where an objective has one for the model and one for the guide."""
    return loss[0] if isinstance(loss, tuple) else loss
