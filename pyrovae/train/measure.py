"""Bounds in nats per datum: of a training batch's loss, and over all validation data."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pyro
import torch
from pyro.infer import ELBO as PyroELBO
from torch import Tensor, nn

from ..data import BatchSource
from ..errors import PyrovaeError
from ..objectives import ParticleELBO
from ..particles import draw
from ..tracing import Program, own_parameters, undisturbed
from .placement import evaluating


@dataclass
class Share:
    """What the loss of a batch stands for: a common scale times so many data.

    A subsampled plate or a `poutine.scale` multiplies the loss; nats per datum are without it.
    """

    model: Program
    guide: Program
    batch_plate: str | None = "auto"
    _known: dict[int, tuple[float | Tensor, int]] = field(default_factory=dict)

    def __call__(self, batch: Sequence[Tensor]) -> tuple[float | Tensor, int]:
        """Scale and data of the loss; found once for each number of rows."""
        rows = len(batch[0])
        if rows not in self._known:
            self._known[rows] = self._find(batch)
        return self._known[rows]

    def _find(self, batch: Sequence[Tensor]) -> tuple[float | Tensor, int]:
        rows = len(batch[0])
        try:
            with undisturbed(), torch.no_grad(), own_parameters():
                p = draw(self.model, self.guide, *batch, batch_plate=self.batch_plate)
        except PyrovaeError:  # an estimator that needs no particles may take the pair all the same
            return 1.0, rows
        scale = 1.0 if isinstance(p.scale, Tensor) and p.scale.numel() > 1 else p.scale
        return scale, rows if self.batch_plate is None else p.batch_size


@dataclass(frozen=True)
class Validation:
    """An objective over all data of a source, with the same noise every time.

    Networks are in evaluation mode meanwhile. Random streams, modes and running statistics are
    as before afterwards.
    """

    model: Program
    guide: Program
    objective: PyroELBO
    source: BatchSource
    networks: Sequence[nn.Module]
    share: Share
    seed: int
    device: torch.device

    def __call__(self) -> float:
        """The bound in nats per datum, a mean over all data."""
        total = torch.zeros((), dtype=torch.float64, device=self.device)
        rows = 0
        with undisturbed(), evaluating(self.networks), torch.no_grad(), own_parameters():
            pyro.set_rng_seed(self.seed)
            for batch in self.source.epoch(0):
                batch = tuple(tensor.to(self.device) for tensor in batch)
                scale, data = self.share(batch)
                total += first_loss(self._loss(*batch)) / scale
                rows += data
        return -float(total) / rows

    def _loss(self, *batch: Tensor) -> Any:  # noqa: ANN401
        return cast(Any, self.objective).loss(self.model, self.guide, *batch)


def first_loss(loss: Any) -> float | Tensor:  # noqa: ANN401
    """The model's loss, where an objective has one for the model and one for the guide."""
    return loss[0] if isinstance(loss, tuple) else loss


def batch_plate_of(objective: PyroELBO) -> str | None:
    """The plate over data that an objective was told to take."""
    return objective.batch_plate if isinstance(objective, ParticleELBO) else "auto"
