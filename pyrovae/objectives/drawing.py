"""How an estimator draws its particles, and what it remembers of the pair."""

from abc import ABC
from collections.abc import Hashable
from copy import copy
from typing import Any, Self

from ..errors import ConfigError, PlateError, ShapeError
from ..particles import Particles, draw, plan
from ..particles.particles import ScaleUse
from ..particles.tracing import Program
from .known_pair import KnownPair
from .options import is_whole
from .state import KeepsState

_DRAWING = ("draw", "_drawn", "_draw", "_how", "_nesting")
"""The methods that decide which particles are drawn."""


class DrawsParticles(KeepsState, ABC):
    """An objective made of K particles for each datum. See `ParticleELBO` for the options."""

    particle_chunk: int | None = None
    """Particles drawn at once, at most; None draws all: see `in_chunks`."""

    _fixed_latents = False  # whether the gradient takes the draws as they are

    def __init__(
        self,
        num_particles: int = 1,
        *,
        vectorize_particles: bool = True,
        batch_plate: str | None = "auto",
        max_plate_nesting: int | None = None,
    ) -> None:
        if max_plate_nesting is not None and not is_whole(max_plate_nesting, 0):
            raise ConfigError(
                f"{type(self).__name__} got max_plate_nesting={max_plate_nesting}, needs a whole "
                "number >= 0; leave it out, and one pass finds it"
            )
        super().__init__(num_particles=num_particles)
        self.vectorize_particles = vectorize_particles
        self.batch_plate = batch_plate
        self.max_plate_nesting = max_plate_nesting
        self._known: KnownPair | None = None

    @property
    def num_particles(self) -> int:
        """Particles per datum, K."""
        return self._num_particles

    @num_particles.setter
    def num_particles(self, number: int) -> None:
        self.check_particles(number)
        self._num_particles = number

    @property
    def min_particles(self) -> int:
        """The fewest particles that it takes."""
        return 1

    def check_particles(self, number: int) -> None:
        """Refuse a number of particles that this estimator cannot have.

        A subclass that needs more than one sets what decides about it before `super().__init__`.

        Raises:
            ShapeError: `number` is no whole number, or too small.
        """
        if not is_whole(number, 1):
            raise ShapeError(
                f"{type(self).__name__} got num_particles={number}, needs >= 1; give a whole "
                "number of particles per datum"
            )

    def in_chunks(self, size: int) -> Self:
        """This estimator, with memory for so many particles, however large K is.

        Value and gradient stay those of all K particles, exactly: they are drawn in chunks of at
        most `size`, of which only latents and log-densities are kept. The backward pass draws
        each chunk again with the same random numbers, which costs one more run of the pair.
        Networks whose output depends on the other particles, as that of BatchNorm does, see one
        chunk at a time. The networks of the estimator itself are shared with this one.

        Raises:
            ShapeError: `size` is no whole number, or below one.

        Example:
            >>> from pyrovae.objectives import IWAE
            >>> IWAE(num_particles=500).in_chunks(20)
            IWAE(num_particles=500).in_chunks(20)
        """
        if not is_whole(size, 1):
            raise ShapeError(
                f"{type(self).__name__}.in_chunks got size={size}, needs >= 1; give the number of "
                "particles that there is memory for"
            )
        other = copy(self)
        for name, network in self.networks.items():
            setattr(other, name, network)
        other.particle_chunk = size
        return other

    @property
    def scale_use(self) -> ScaleUse:
        """What becomes of the scales of sites; see `pyrovae.draw`."""
        return "common"

    def admit(self, p: Particles) -> Particles:
        """The particles, unless this estimator cannot take them."""
        return p

    def draw(self, model: Program, guide: Program, *args: Any, **kwargs: Any) -> Particles:  # noqa: ANN401
        """Particles as this objective draws them, without the scales of their sites."""
        return self._drawn("ignored", model, guide, args, kwargs)

    @property
    def drawing_key(self) -> Hashable | None:
        """The options of drawing; None where a subclass draws in a way of its own."""
        own = type(self)
        if any(getattr(own, name) is not getattr(DrawsParticles, name) for name in _DRAWING):
            return None
        options = self.batch_plate, self.max_plate_nesting, self.particle_chunk
        return (self.num_particles, self.vectorize_particles, self._fixed_latents, *options)

    def redraw(self, model: Program, guide: Program, *args: Any, **kwargs: Any) -> Particles:  # noqa: ANN401
        """What `draw` gives, since steps draw their particles by it."""
        return self.draw(model, guide, *args, **kwargs)

    def draw_scaled(
        self,
        model: Program,
        guide: Program,
        *args: Any,  # noqa: ANN401
        **kwargs: Any,  # noqa: ANN401
    ) -> Particles:
        """Particles of which the loss is made: minus `Particles.scale` times the bound, summed.

        Where the bound `is_linear`, each log-density has its site's own scale.

        Raises:
            ScaleError: The bound is not linear, and sites are scaled unequally.
        """
        return self._drawn(self.scale_use, model, guide, args, kwargs)

    def draws_in_one_pass(self, model: Program, guide: Program, *args: Any, **kwargs: Any) -> bool:  # noqa: ANN401
        """Whether all particles of this pair are drawn in one pass, along an axis of their own.

        A pair that is new is run without side effects, to see whether its networks can.
        """
        self._nesting(model, guide, args, kwargs)
        return self._one_pass

    def _drawn(
        self,
        scales: ScaleUse,
        model: Program,
        guide: Program,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Particles:
        known = self._known
        depth = self._nesting(model, guide, args, kwargs)
        try:
            p = self.admit(self._draw(depth, scales, model, guide, args, kwargs))
        except (PlateError, ShapeError):
            self._known = None
            again = self._nesting(model, guide, args, kwargs)
            if known is None or again == depth:
                raise
            # The pair has grown deeper.
            p = self.admit(self._draw(again, scales, model, guide, args, kwargs))
        self._remember(p)
        return p

    def _draw(
        self,
        depth: int | None,
        scales: ScaleUse,
        model: Program,
        guide: Program,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Particles:
        how = self._how(depth, scales)
        return draw(model, guide, *args, fixed_latents=self._fixed_latents, **how, **kwargs)

    def _how(self, depth: int | None, scales: ScaleUse) -> dict[str, Any]:
        """Options of `pyrovae.draw` for a pair with so many batch dims."""
        return {
            "num_particles": self.num_particles,
            "vectorize_particles": self._one_pass,
            "batch_plate": self.batch_plate,
            "max_plate_nesting": depth,
            "chunk": self.particle_chunk,
            "scales": scales,
        }

    def _nesting(
        self, model: Program, guide: Program, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> int | None:
        """Batch dims of the pair's plates, found by one pass over a pair that is new."""
        if not self.vectorize_particles or self.num_particles == 1:
            return self.max_plate_nesting
        if self._known is None or self._known.pair != (model, guide):
            self._known = None
            how: Any = {
                "batch_plate": self.batch_plate,
                "max_plate_nesting": self.max_plate_nesting,
            }
            self._known = KnownPair((model, guide), *plan(model, guide, *args, **how, **kwargs))
        return self._known.depth

    @property
    def _one_pass(self) -> bool:
        """Whether the pair that was asked about last is drawn in one pass."""
        return self.vectorize_particles and not (self._known and self._known.refusal)

    def _remember(self, p: Particles) -> None:
        """Keep how particles were drawn."""
        if self._known is not None:
            self._known = self._known.after(p)
