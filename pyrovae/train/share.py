"""What the loss of a batch stands for: a common scale times so many data."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from pyro.infer import ELBO as PyroELBO
from torch import Tensor

from ..errors import PyrovaeError
from ..objectives import ParticleELBO
from ..particles import draw
from ..tracing import Program, own_parameters, undisturbed


@dataclass
class Share:
    """What the loss of a batch stands for: a common scale times so many data.

    A subsampled plate or a `poutine.scale` multiplies the loss; nats per datum are without it.
    Where sites are scaled unequally it is the scale of the data that counts.
    """

    model: Program
    guide: Program
    batch_plate: str | None = "auto"
    _known: dict[int, tuple[float | Tensor, int] | PyrovaeError] = field(default_factory=dict)

    def __call__(self, batch: Sequence[Tensor]) -> tuple[float | Tensor, int]:
        """Scale and data of the loss; found once for each number of rows."""
        found = self._of(batch)
        # An estimator that needs no particles may take a pair that cannot be drawn all the same.
        return (1.0, len(batch[0])) if isinstance(found, PyrovaeError) else found

    def scale(self, batch: Sequence[Tensor]) -> float | Tensor:
        """Scale of the loss.

        Raises:
            PyrovaeError: The pair cannot be drawn.
        """
        found = self._of(batch)
        if isinstance(found, PyrovaeError):
            raise found
        return found[0]

    def _of(self, batch: Sequence[Tensor]) -> tuple[float | Tensor, int] | PyrovaeError:
        rows = len(batch[0])
        if rows not in self._known:
            try:
                self._known[rows] = self._find(batch)
            except PyrovaeError as error:
                self._known[rows] = error
        return self._known[rows]

    def _find(self, batch: Sequence[Tensor]) -> tuple[float | Tensor, int]:
        with undisturbed(), torch.no_grad(), own_parameters():
            p = draw(
                self.model, self.guide, *batch, batch_plate=self.batch_plate, scales="ignored"
            )
        scale = p.data_scale
        if isinstance(scale, Tensor) and scale.numel() > 1:
            scale = 1.0
        return scale, len(batch[0]) if self.batch_plate is None else p.batch_size


def batch_plate_of(objective: PyroELBO) -> str | None:
    """The plate over data that an objective was told to take."""
    return objective.batch_plate if isinstance(objective, ParticleELBO) else "auto"
