"""By what the loss of a batch is divided to be in nats per datum."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..errors import PlateError, PyrovaeError
from ..particles.assembly import assemble
from ..particles.isolation import isolated
from ..particles.own_parameters import own_parameters
from ..particles.traces import Recording, recordings
from ..particles.tracing import Pair, Program


@dataclass
class LossScale:
    """The common scale of a batch's loss, and the number of data that it is a sum over.

    A subsampled plate or a `poutine.scale` multiplies the loss; nats per datum are without it.
    Where sites are scaled unequally, the scale of the data counts. Both numbers depend on the
    number of rows alone, and are found by one run of the pair for each.

    Args:
        model: Pyro model.
        guide: Pyro guide.
        batch_plate: See `draw`.

    Attributes:
        has_global_sites: Whether a run so far had sites outside of the plate over data.
    """

    model: Program
    guide: Program
    batch_plate: str | None = "auto"
    has_global_sites: bool = False
    _why_joint: PlateError | None = None
    _known: dict[int, tuple[float | Tensor, int] | PyrovaeError] = field(default_factory=dict)

    def __call__(self, batch: Sequence[Tensor]) -> tuple[float | Tensor, int]:
        """Scale and number of data."""
        found = self._of(batch)
        # Some estimators need no particles, and train pairs that cannot be drawn.
        return (1.0, len(batch[0])) if isinstance(found, PyrovaeError) else found

    def scale(self, batch: Sequence[Tensor]) -> float | Tensor:
        """The scale.

        Raises:
            PyrovaeError: The pair cannot be drawn, or no plate over data encloses all sites.
        """
        found = self._of(batch)
        if isinstance(found, PyrovaeError):
            raise found
        if self._why_joint is not None:
            raise self._why_joint
        return found[0]

    def learn(self, rows: int, run: tuple[Recording, Recording]) -> None:
        """Take the scale of batches with so many rows from a run of the pair."""
        try:
            self._known[rows] = self._find(rows, run)
        except PyrovaeError as error:
            self._known[rows] = error

    def _of(self, batch: Sequence[Tensor]) -> tuple[float | Tensor, int] | PyrovaeError:
        rows = len(batch[0])
        if rows not in self._known:
            with isolated(), torch.no_grad(), own_parameters():
                try:
                    traces = Pair(self.model, self.guide, tuple(batch), {}).trace()
                except PyrovaeError as error:
                    self._known[rows] = error
                else:
                    self.learn(rows, recordings(traces))
        return self._known[rows]

    def _find(self, rows: int, run: tuple[Recording, Recording]) -> tuple[float | Tensor, int]:
        is_joint = self.batch_plate is None
        try:
            p = assemble([run], 1, None, self.batch_plate)
        except PlateError as error:  # Pyro's own losses need no plate around every site
            if is_joint:
                raise
            self._why_joint, is_joint = error, True
            p = assemble([run], 1, None, None)
        self.has_global_sites |= p.has_global_sites
        scale = p.data_scale
        if isinstance(scale, Tensor):
            scale = scale.detach() if scale.numel() == 1 else 1.0
        return scale, rows if is_joint else p.batch_size
