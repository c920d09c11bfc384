"""Gradients of a pair's leaves, drawn until they are known well enough."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from torch import Tensor

from ...data.base import mix_seed
from ..gradients.draws import Estimator, Leaves
from ..gradients.groups import declared, slices
from ..seeded_draws import SeededDraws
from .bounds import Subject
from .effort import MOST, RELATIVE, SIGNAL, next_look
from .moments_by_draw import MomentsByDraw

_GRADIENTS = 2  # stream of the seed of the comparison; the bounds have others
_PIECE = 2**22  # numbers that moments are updated with at once
_NOISE = 0.6745**2  # square of the median of |N(0, 1)|

Told = Callable[[float], None]
"""Is told which share of a part of the work is done."""

Needed = Callable[[MomentsByDraw], float]
"""How many draws will probably do; those that there are, where they do."""


class PairGradients:
    """The leaves of a pair, and draws of gradients to them.

    Args:
        subject: The pair and its batch.

    Attributes:
        groups: Names of the leaves by group.
        names: Names of all leaves.
        leaves: The leaves.
        parts: Where each group lies in the vector of all.
    """

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        with subject.with_gradient():
            groups = declared(subject.model, subject.guide, subject.batch)
        self.groups = {group: tuple(leaves) for group, leaves in groups.items()}
        self.names = [name for leaves in groups.values() for name in leaves]
        self.leaves = Leaves([leaf for leaves in groups.values() for leaf in leaves.values()])
        self.parts = list(slices(groups))
        self._seed = mix_seed(subject.seed, _GRADIENTS)

    def source(self, estimator: Estimator, name: str) -> SeededDraws[Tensor]:
        """Draws of a gradient [P]."""
        return self.leaves.source(estimator, name, self.subject.compile)

    def seeds(self, stream: int, start: int, stop: int) -> list[int]:
        """Those of draws start, start + 1, ..., the same for every objective."""
        seed = mix_seed(self._seed, stream)
        return [mix_seed(seed, index) % 2**32 for index in range(start, stop)]

    def by_name(self, values: Tensor) -> dict[str, Tensor]:
        """[P] -> a tensor per leaf on the CPU."""
        return dict(zip(self.names, self.leaves.split(values.cpu()), strict=True))


class Drawing:
    """Draws of one gradient, whose `moments` are whole whenever an interrupt comes.

    Args:
        of: The pair.
        source: What is drawn.
        stream: Of the seed.
        target: See `MomentsByDraw`.
    """

    def __init__(
        self,
        of: PairGradients,
        source: SeededDraws[Any],
        stream: int,
        target: Tensor | None = None,
    ) -> None:
        self.moments = MomentsByDraw(of.parts, target)
        self._of, self._source, self._stream = of, source, stream

    def until(self, fixed: int | None, allowed: float, needed: Needed, told: Told) -> str:
        """Draw until there are so many, or as many as needed; why they are fewer, or "".

        Args:
            fixed: How many; None is as many as needed.
            allowed: Seconds that they may take, where they are not fixed.
            needed: How many those are.
            told: Is told how far it is.
        """
        shown = 0.0
        while True:
            done = self.moments.count
            wanted = needed(self.moments) if done > 1 and fixed is None else math.inf
            if wanted <= done:
                return ""
            spent = 1e-3 * sum(self.moments.milliseconds)
            total = next_look(done, spent, allowed, fixed, wanted)
            if total is None:
                break
            last = fixed is not None or total >= min(wanted, MOST)
            share = (1.0 - shown) * (1.0 if last else 0.5)
            with self._of.leaves.kept_grads():
                for values, milliseconds in self._chunks(total, wanted):
                    self.moments = self.moments.with_draws(values, milliseconds)
                    told(shown + share * (self.moments.count - done) / (total - done))
            shown += share
        if fixed is not None:
            return ""
        return f"{done:,} draws" + (" in its time" if done < MOST else "")

    def _chunks(self, total: int, wanted: float) -> Iterator[tuple[Tensor, float]]:
        """Some gradients at a time [S, P], and the milliseconds of each."""
        seeds = self._of.seeds(self._stream, self.moments.count, total)
        more = max(0.0, min(wanted, MOST) - total) if math.isfinite(wanted) else 0.0
        for chunk in self._source(seeds, more):
            for piece in chunk.values.split(max(1, _PIECE // self._of.leaves.size)):
                yield piece, chunk.milliseconds


def needed_for_signal(moments: MomentsByDraw) -> float:
    """Draws after which the median coordinate of each group stands out from its noise."""
    need = 0.0
    for signal in moments.signal:
        if not signal >= SIGNAL and not math.isnan(signal):
            seen = signal**2 - _NOISE
            more = (SIGNAL**2 - _NOISE) / seen if seen > 0.1 else math.inf
            need = max(need, moments.count * more)
    return max(need, moments.count + 1) if need else moments.count


def needed_for_precision(moments: MomentsByDraw) -> float:
    """Draws after which variances and directional ratios are as precise as they should be."""
    errors: Sequence[float] = [
        *moments.variance_error,
        *(error / ratio for ratio, error in moments.directional_snr if ratio > 0),
    ]
    worst = max((error for error in errors if math.isfinite(error)), default=0.0)
    return moments.count * (worst / RELATIVE) ** 2 if worst > RELATIVE else moments.count
