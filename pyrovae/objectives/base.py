"""What every estimator shares: Pyro's entry points over one hook, `bound(p) -> [B]`."""

from abc import ABC
from collections.abc import Callable
from typing import Any, ClassVar, Self

import torch
from pyro.infer.enum import get_importance_trace
from torch import Tensor

from ..errors import CaptureError
from ..particles import Particles
from ..particles.tracing import Program
from ..runtime.grad_mode import gradients_on
from .constructor import spell_out
from .options import as_written
from .value import HasBound


class ParticleELBO(HasBound, ABC):
    r"""Base of the estimators: a function of `Particles`, usable wherever a Pyro ELBO is.

    A subclass implements `bound`, in nats per datum. Three further hooks are for those that need
    them: `surrogate`, where the gradient to follow is not that of the bound; `further_loss`, for
    a term that needs runs of the pair of its own; `followed_loss`, for estimators that draw
    something else than particles. Losses are minus the bound (plus an upper bound: every loss is
    minimised), times the scale of the pair, summed over the batch, as in Pyro; all are tensors.

    Global latents u, outside of a plate over data that `batch_plate` names, are drawn once. Each
    datum has a bound of its own given that draw, and the loss is minus

    .. math:: E_u [\log p(u) - \log q(u) + \sum_i \mathrm{bound}_i(x_i | u)]

    which again is a lower bound on log p(x) where bound_i is one on log p(x_i | u).

    A pair that cannot take the particle axis (one more pass sees whether it can, once) is traced
    particle by particle, after one `ParticleAxisWarning`.

    An estimator may have networks of its own, its attributes that are modules: `networks`. The
    step that trains the pair trains them too, by the gradient that `surrogate` gives them; what
    should not reach them must see them as constants.

    A constructor takes the options below as `**drawing: Unpack[Drawing]` and passes them on.

    Args:
        num_particles: Particles per datum, K >= 1.
        vectorize_particles: Draw them in one pass along an axis left of all plates; False traces
            the pair K times, as True does with a pair that cannot take that axis.
        batch_plate: The plate over data: "auto" finds the one that encloses every site; its name
            allows global latents outside of it; None asks for one joint bound over all data.
        max_plate_nesting: Batch dims that plates occupy; found by one pass when not given.

    Raises:
        ShapeError: The estimator cannot have so many particles, now or when they are set later.
        ConfigError: `max_plate_nesting` is no number of dims.
    """

    latents: ClassVar[str] = "any"
    """Which latents it takes, in words for a table; see the README."""

    follows_bound: bool = True
    """Whether its gradient is meant to be that of its bound, so that one can check the other."""

    def __init_subclass__(cls, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init_subclass__(**kwargs)
        spell_out(cls)

    @classmethod
    def example(cls) -> Self:
        """A small instance, for tests and documentation.

        A class whose constructor needs other arguments overrides it.
        """
        return cls(num_particles=3)

    def surrogate(self, p: Particles) -> Tensor:
        """The bound's value with the gradient to follow [B].

        By default the exact gradient of the bound's expectation: pathwise where sites are
        reparameterised, by the score function (REINFORCE) where they are not.
        """
        return self._with_exact_gradient(p)

    def credit(self, p: Particles, bound: Tensor) -> Tensor:
        """What the score of each particle is multiplied by [K, B]; need not be differentiable."""
        return bound.expand(p.num_particles, -1)

    def followed_loss(
        self, model: Program, guide: Program, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Tensor:
        """Scalar loss with the gradient to follow; by default that of `surrogate`."""
        p = self.draw_scaled(model, guide, *args, **kwargs)
        return self._as_loss(p, self.surrogate(p))

    def further_loss(
        self, model: Program, guide: Program, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Tensor | None:
        """A scalar of value zero whose gradient is added to that of `followed_loss`."""
        return None

    def differentiable_loss(
        self,
        model: Program,
        guide: Program,
        *args: Any,  # noqa: ANN401
        **kwargs: Any,  # noqa: ANN401
    ) -> Tensor:
        """Scalar loss in nats whose `backward()` gives the estimator's gradient."""
        self.declare_networks()
        loss = self.followed_loss(model, guide, args, kwargs)
        further = self.further_loss(model, guide, args, kwargs)
        return loss if further is None else loss + further

    def loss_and_grads(
        self,
        model: Program,
        guide: Program,
        *args: Any,  # noqa: ANN401
        **kwargs: Any,  # noqa: ANN401
    ) -> Tensor:
        """Scalar loss in nats; adds its gradient to every parameter of the pair."""
        with gradients_on():
            loss = self.differentiable_loss(model, guide, *args, **kwargs)
            if loss.requires_grad:
                loss.backward()
            return loss.detach()

    def reference_loss(self, model: Program, guide: Program, *args: Any, **kwargs: Any) -> Tensor:  # noqa: ANN401
        """Scalar loss of the bound alone, with the exact gradient of its expectation."""
        p = self.draw_scaled(model, guide, *args, **kwargs)
        return -(p.scale * self._with_exact_gradient(p)).sum()

    def captured_loss(self, model: Program, guide: Program, *args: Any, **kwargs: Any) -> Tensor:  # noqa: ANN401
        """`differentiable_loss`, unless particles are drawn in chunks.

        Raises:
            CaptureError: They are.
        """
        if self.particle_chunk is not None and self.particle_chunk < self.num_particles:
            raise CaptureError(
                f"{self} draws its particles in chunks, and a graph would hold every chunk twice; "
                "leave out `in_chunks`, or do not compile"
            )
        return self.differentiable_loss(model, guide, *args, **kwargs)

    def is_gradient_of_captured_loss(self, loss_and_grads: Callable[..., Any] | None) -> bool:
        """Whether it is the method of this class, which no subclass has replaced."""
        method = getattr(loss_and_grads, "__func__", None)
        return method is ParticleELBO.loss_and_grads

    def _with_exact_gradient(self, p: Particles) -> Tensor:
        """The bound with the exact gradient of its expectation [B]."""
        bound = self.bound(p)
        term = self._score_term(p, bound)
        return bound if term is None else bound + (term - term.detach())

    def _score_term(self, p: Particles, bound: Tensor) -> Tensor | None:
        """What has the gradient of the score function [B]; None where all is reparameterised."""
        score = self._score(p)
        return None if score is None else (self.credit(p, bound).detach() * score).sum(0)

    def _score(self, p: Particles) -> Tensor | None:
        """log q of the sites without a reparameterised sampler [K, B]."""
        terms = [s.scaled(False).log_prob for s in p.guide_sites.values() if s.needs_score]
        return torch.stack(terms).sum(0) if terms else None

    @property
    def as_given(self) -> Self:
        """This object itself."""
        return self

    @property
    def class_name(self) -> str:
        """Name of its class."""
        return type(self).__name__

    @property
    def row_name(self) -> str:
        """Name in a table: as it is printed."""
        return repr(self)

    def __repr__(self) -> str:
        chunked = f".in_chunks({self.particle_chunk})" if self.particle_chunk else ""
        return as_written(self) + chunked

    def _get_trace(
        self, model: Program, guide: Program, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:  # noqa: ANN401
        return get_importance_trace("flat", float("inf"), model, guide, args, kwargs)
