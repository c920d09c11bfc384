"""What the loss of a batch stands for: a common scale times so many data."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..errors import PlateError, PyrovaeError
from ..objectives.objective import Objective
from ..particles import Particles, draw
from ..particles.isolation import isolated
from ..particles.own_parameters import own_parameters
from ..particles.tracing import Program


@dataclass
class LossScale:
    """What the loss of a batch stands for: a common scale times so many data.

    A subsampled plate or a `poutine.scale` multiplies the loss; nats per datum are without it.
    Where sites are scaled unequally it is the scale of the data that counts.
    """

    model: Program
    guide: Program
    batch_plate: str | None = "auto"
    has_global_sites: bool = False  # as far as has been seen
    _why_joint: PlateError | None = None
    _known: dict[int, tuple[float | Tensor, int] | PyrovaeError] = field(default_factory=dict)

    def __call__(self, batch: Sequence[Tensor]) -> tuple[float | Tensor, int]:
        """Scale and data of the loss; found once for each number of rows."""
        found = self._of(batch)
        # An estimator that needs no particles may take a pair that cannot be drawn all the same.
        return (1.0, len(batch[0])) if isinstance(found, PyrovaeError) else found

    def scale(self, batch: Sequence[Tensor]) -> float | Tensor:
        """Scale of the loss.

        Raises:
            PyrovaeError: The pair cannot be drawn, or no plate over data encloses all sites.
        """
        found = self._of(batch)
        if isinstance(found, PyrovaeError):
            raise found
        if self._why_joint is not None:
            raise self._why_joint
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
        with isolated(), torch.no_grad(), own_parameters():
            p, is_joint = self._draw(batch)
        self.has_global_sites |= p.has_global_sites
        scale = p.data_scale
        if isinstance(scale, Tensor) and scale.numel() > 1:
            scale = 1.0
        return scale, len(batch[0]) if is_joint else p.batch_size

    def _draw(self, batch: Sequence[Tensor]) -> tuple[Particles, bool]:
        """Particles, and whether they are of all data jointly."""
        if self.batch_plate is not None:
            try:
                plate = self.batch_plate
                p = draw(self.model, self.guide, *batch, batch_plate=plate, scales="ignored")
                return p, False
            except PlateError as error:  # Pyro's own losses ask for no plate around every site
                self._why_joint = error
        p = draw(self.model, self.guide, *batch, batch_plate=None, scales="ignored")
        return p, True


def batch_plate_of(objective: Objective) -> str | None:
    """The plate over data that an objective was told to take."""
    return objective.batch_plate
