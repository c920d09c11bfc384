"""The value of a bound: what it is a bound of, for each datum and as a loss."""

from abc import ABC, abstractmethod
from collections.abc import Hashable
from typing import Any

import torch
from torch import Tensor

from ..errors import PlateError, ShapeError
from ..particles import Particles
from ..particles.particles import ScaleUse
from ..particles.tracing import Program
from .drawing import DrawsParticles
from .objective import BoundSide


class HasBound(DrawsParticles, ABC):
    """An objective whose value is a function of its particles, `bound`."""

    is_upper_bound: bool = False
    """Whether training makes the bound smaller: then the loss is plus the bound."""

    @property
    def is_linear(self) -> bool:
        """Whether its bound is linear in the log-densities.

        Then each site keeps the scale that Pyro gives it, as in `pyro.infer.Trace_ELBO`. Other
        bounds need one scale for all sites, which multiplies them.
        """
        return False

    @property
    def takes_global_latents(self) -> bool:
        """Whether latents outside the plate over data may be drawn once for all: `batch_plate`."""
        return not (self.is_upper_bound or self._fixed_latents)

    @property
    def is_lower_bound(self) -> bool:
        """Whether its expectation is at most log p(x), however few the particles.

        An estimator that may lie on either side says `is_lower_bound = False`.
        """
        return not self.is_upper_bound

    @property
    def bound_side(self) -> BoundSide:
        """On which side of log p(x) its expectation is; an "estimate" may be on either."""
        if self.is_upper_bound:
            return "upper"
        return "lower" if self.is_lower_bound else "estimate"

    @property
    def scale_use(self) -> ScaleUse:
        """Each site keeps its own scale where the bound `is_linear`."""
        return "own" if self.is_linear else "common"

    @abstractmethod
    def bound(self, p: Particles) -> Tensor:
        """Value of the bound in nats per datum [B]."""

    @property
    def has_bound_per_datum(self) -> bool:
        """Always: see `per_datum`."""
        return True

    def per_datum(self, model: Program, guide: Program, *args: Any, **kwargs: Any) -> Tensor:  # noqa: ANN401
        """The bound for each datum, in nats, unscaled, without gradient [B].

        Raises:
            PlateError: The pair has global latents, which are of no datum.
        """
        with torch.no_grad():
            return self.value_of(self.draw(model, guide, *args, **kwargs))

    def value_of(self, p: Particles) -> Tensor:
        """The bound for each datum of these particles, unscaled, without gradient [B].

        Raises:
            PlateError: As `per_datum`.
        """
        if p.has_global_sites:
            name = next(iter({**p.global_guide_sites, **p.global_model_sites}))
            raise PlateError(
                f"site '{name}' is outside plate '{self.batch_plate}' and belongs to all "
                "data, so that no datum has a bound of its own; take the loss of the whole "
                "batch, or batch_plate=None"
            )
        with torch.no_grad():
            return self._evaluated(self.admit(p))

    @property
    def drawing_key(self) -> Hashable | None:
        """The options of drawing; None where a subclass draws in a way of its own."""
        own = type(self)
        if own.per_datum is not HasBound.per_datum or own.value_of is not HasBound.value_of:
            return None
        return super().drawing_key

    def loss(self, model: Program, guide: Program, *args: Any, **kwargs: Any) -> Tensor:  # noqa: ANN401
        """Scalar loss in nats, without gradient."""
        with torch.no_grad():
            p = self.draw_scaled(model, guide, *args, **kwargs)
            return self._as_loss(p, self._evaluated(p))

    def bound_loss(self, model: Program, guide: Program, *args: Any, **kwargs: Any) -> Tensor:  # noqa: ANN401
        """The loss without the penalties of the guide: of the bound alone, to judge by."""
        with torch.no_grad():
            p = self.draw_scaled(model, guide, *args, **kwargs)
            return self._as_loss(p, self._evaluated(p)) - p.total_penalty

    def captured_bound_loss(
        self,
        model: Program,
        guide: Program,
        *args: Any,  # noqa: ANN401
        **kwargs: Any,  # noqa: ANN401
    ) -> Tensor:
        """`bound_loss`, which is in tensors alone."""
        return self.bound_loss(model, guide, *args, **kwargs)

    def admit(self, p: Particles) -> Particles:
        """The particles, unless they have global latents that this estimator cannot take.

        Raises:
            PlateError: They have.
        """
        if not p.has_global_sites:
            return p
        scored = [n for n, site in p.global_guide_sites.items() if site.needs_score]
        if scored or not self.takes_global_latents:
            name = next(iter([*scored, *p.global_guide_sites, *p.global_model_sites]))
            why = (
                "has no reparameterised sampler" if scored else f"is nothing that {self} can take"
            )
            raise PlateError(
                f"site '{name}' is outside plate '{self.batch_plate}', drawn once for all data, "
                f"and {why}; use objectives.IWAE on reparameterised latents, or objectives.ELBO "
                "with batch_plate=None"
            )
        return p

    def _evaluated(self, p: Particles) -> Tensor:
        """The bound where no gradient is wanted [B]."""
        return self._checked(p, self.bound(p))

    def _as_loss(self, p: Particles, bound: Tensor) -> Tensor:
        total = (p.scale * self._checked(p, bound)).sum() + p.log_global
        return p.total_penalty + (total if self.is_upper_bound else -total)

    def _checked(self, p: Particles, bound: Tensor) -> Tensor:
        if bound.shape != (p.batch_size,):
            raise ShapeError(
                f"{type(self).__name__}.bound gave shape {list(bound.shape)} for {p.batch_size} "
                f"data and {p.num_particles} particles; it must give one number per datum, "
                f"[{p.batch_size}]: reduce over the particles, dim 0"
            )
        return bound
