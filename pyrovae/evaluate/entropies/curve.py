"""ELBO and sum of entropies over training."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Unpack

from ...errors import ConfigError
from ...runtime.result import Result
from ...train.callbacks.base import Callback
from ...train.loop import Loop
from ..inputs import Data
from ..options import SweepOptions
from ..sweep import sweep_over
from .conditions import conditions_of
from .entropies import measured

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class EntropyCurve(Result):
    """ELBO and sum of entropies by epoch, in nats per datum.

    Attributes:
        epochs: When they were measured.
        points: For each the means of `Entropies`, by name.
    """

    epochs: tuple[int, ...]
    points: tuple[dict[str, float], ...]

    def cells(self) -> Sequence[Sequence[str]]:
        """See `Result.cells`."""
        names = ("encoder", "prior", "decoder", "sum", "elbo", "difference")
        rows = [
            (str(epoch), *(f"{point[n]:.3f}" for n in names))
            for epoch, point in zip(self.epochs, self.points, strict=True)
        ]
        return [("epoch", *names), *rows]

    def records(self) -> list[dict[str, Any]]:
        """See `Result.records`."""
        pairs = zip(self.epochs, self.points, strict=True)
        return [{"epoch": epoch, **point} for epoch, point in pairs]

    def numbers(self) -> dict[str, Any]:
        """See `Result.numbers`."""
        names = self.points[0] if self.points else ()
        by_name = {name: [point[name] for point in self.points] for name in names}
        return {"epoch": list(self.epochs), **by_name}

    def plot(self) -> "Figure":
        """ELBO and sum of entropies, which merge, and the size of their difference."""
        from ...plots.entropies import entropy_curve

        return entropy_curve(self)


class TrackEntropies(Callback):
    """Callback of `fit` that measures `entropies` after every epoch, or every few.

    Args:
        x: Data to measure on, of the training; a thousand are enough for a curve.
        every: Epochs between two measurements.
        num_particles: K: see `entropies`.
        options: `chunk`, `rows`, `seed`, ...: see `SweepOptions`.

    Raises:
        ConfigError: `every` is below one; in the run, the pair does not meet the conditions.

    Example:
        >>> import torch
        >>> from pyrovae import fit, models
        >>> x = torch.randn(40, 5)
        >>> track = TrackEntropies(x, every=2, seed=0)
        >>> _ = fit(models.ProbabilisticPCA(5, 2), x, epochs=4, callbacks=[track], seed=0)
        >>> track.curve.epochs
        (2, 4)
    """

    def __init__(
        self, x: Data, *, every: int = 1, num_particles: int = 10, **options: Unpack[SweepOptions]
    ) -> None:
        if every < 1:
            raise ConfigError(f"TrackEntropies got every={every}; give a number of epochs, from 1")
        self._data, self._every = x, every
        self._num_particles, self._options = num_particles, options
        self._conditions: dict[str, str] = {}
        self._found: dict[int, dict[str, float]] = {}

    @property
    def curve(self) -> EntropyCurve:
        """What was measured so far."""
        return EntropyCurve(tuple(self._found), tuple(self._found.values()))

    def on_epoch(self, loop: Loop) -> None:
        if loop.rank == 0 and loop.epoch % self._every == 0:
            sweep = sweep_over(
                loop.model, loop.guide, self._data, (), self._num_particles, self._options
            )
            if not self._conditions:
                self._conditions = conditions_of(sweep)
            self._found[loop.epoch] = measured(sweep, self._conditions).means()
