"""A block of rows, whose particles are drawn in chunks."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import pyro

from ..errors import PlateError
from ..particles import Particles, draw
from ..particles.tracing import Program


def _unseen(share: float) -> None:
    """Where nobody watches."""


@dataclass(frozen=True)
class Block:
    """Some rows of a sweep, and how their particles are drawn.

    Attributes:
        model: Pyro model.
        guide: Pyro guide.
        args: The arguments that the pair takes for these rows.
        num_particles: K.
        chunk: Particles drawn at once.
        depth: Batch dims that the pair's plates occupy.
        batch_plate: See `SweepOptions`.
        vectorize_particles: Draw the particles of a chunk in one pass.
        advance: Told what share of the block is done, for the progress bar.
    """

    model: Program
    guide: Program
    args: tuple[Any, ...]
    num_particles: int
    chunk: int
    depth: int
    batch_plate: str | None
    vectorize_particles: bool
    advance: Callable[[float], object] = _unseen

    @property
    def sizes(self) -> Iterator[int]:
        """Particles of each draw: `chunk`, and what is left at the end."""
        total = self.num_particles
        return (min(self.chunk, total - first) for first in range(0, total, self.chunk))

    def draws(self, guide: Program | None = None) -> Iterator[Particles]:
        """K particles, in chunks."""
        for index, size in enumerate(self.sizes):
            with pyro.validation_enabled(False) if index else nullcontext():
                yield self.draw(size, guide)
            self.advance(size / self.num_particles)

    def draw(self, num_particles: int, guide: Program | None = None) -> Particles:
        """Particles of these rows, from the guide or another.

        Raises:
            PlateError: No datum has a density of its own, or not every row has one.
        """
        p = draw(
            self.model,
            self.guide if guide is None else guide,
            *self.args,
            num_particles=num_particles,
            vectorize_particles=self.vectorize_particles,
            batch_plate=self.batch_plate,
            max_plate_nesting=self.depth,
            scales="ignored",
        )
        self._check_rows(p)
        return p

    def _check_rows(self, p: Particles) -> None:
        if p.has_global_sites:
            raise PlateError(
                f"the pair draws sites outside plate '{self.batch_plate}' once for all "
                "data, so that no datum has an evidence of its own; pass batch_plate=None to "
                "measure all data jointly"
            )
        rows = len(self.args[0])
        held = [p.batch_size]
        if self.batch_plate is None:
            sites = (*p.model_sites.values(), *p.guide_sites.values())
            held = [size for site in sites for size in site.subsampled.values()]
        for size in held:
            if size != rows:
                raise PlateError(
                    f"the pair was given {rows} rows, and its plate over data holds {size}: it "
                    "draws its own subsample, and which row a density belongs to is lost; for "
                    "measuring, give it a plate of as many data as it is called with"
                )
