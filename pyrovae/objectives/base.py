"""What every estimator shares: Pyro's entry points over one hook, `bound(p) -> [B]`."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from pyro.infer.enum import get_importance_trace
from torch import Tensor, nn

from ..errors import CaptureError, CheckpointError, ConfigError, PlateError, ShapeError
from ..particles import Particles, draw, plan
from ..particles.one_by_one import warn_one_by_one
from ..particles.own_parameters import own_parameters
from ..particles.parameters import declare, declared
from ..particles.particles import ScaleUse
from ..particles.tracing import Program
from ..runtime.grad_mode import gradients_on
from .objective import BoundSide, Objective
from .options import as_written, is_whole


class ParticleELBO(Objective, ABC):
    r"""Base of the estimators: a function of `Particles`, usable wherever a Pyro ELBO is.

    A subclass implements `bound`, in nats per datum; where the gradient that it wants is not the
    gradient of that bound, it also implements `surrogate`. Losses are minus the bound (plus an
    upper bound: every loss is minimised), times the scale of the pair, summed over the batch, as
    in Pyro; all are tensors.

    Global latents u, outside of a plate over data that `batch_plate` names, are drawn once. Each
    datum has a bound of its own given that draw, and the loss is minus

    .. math:: E_u [\log p(u) - \log q(u) + \sum_i \mathrm{bound}_i(x_i | u)]

    which again is a lower bound on log p(x) where bound_i is one on log p(x_i | u).

    A pair that cannot take the particle axis (one more pass sees whether it can, once) is traced
    particle by particle, after one `ParticleAxisWarning`.

    An estimator may have networks of its own, its attributes that are modules: `networks`. The
    step that trains the pair trains them too, by the gradient that `surrogate` gives them; what
    should not reach them must see them as constants.

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

    is_upper_bound: bool = False
    """Whether training makes the bound smaller: then the loss is plus the bound."""

    follows_bound: bool = True
    """Whether its gradient is meant to be that of its bound, so that one can check the other."""

    particle_chunk: int | None = None
    """Particles drawn at once, at most; None draws all: see `in_chunks`."""

    _fixed_latents = False

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
        """Which side of log p(x) its expectation is on; an "estimate" may be on either."""
        if self.is_upper_bound:
            return "upper"
        return "lower" if self.is_lower_bound else "estimate"

    @property
    def min_particles(self) -> int:
        """The fewest particles that it takes."""
        return 1

    @property
    def has_bound_per_datum(self) -> bool:
        """Always: see `per_datum`."""
        return True

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
        self._known: _Known | None = None

    @property
    def num_particles(self) -> int:
        """Particles per datum, K."""
        return self._num_particles

    @num_particles.setter
    def num_particles(self, number: int) -> None:
        self.check_particles(number)
        self._num_particles = number

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
        most `size`, of which only latents and log-densities are kept, and each chunk is drawn
        again with the same random numbers where the backward pass needs it. That costs one more
        run of the pair. Networks whose output depends on the other particles, as that of
        BatchNorm does, see one chunk at a time.

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
        other = copy.copy(self)
        vars(other).update(self.networks)  # one and the same, to be trained by either
        other.particle_chunk = size
        return other

    @abstractmethod
    def bound(self, p: Particles) -> Tensor:
        """Value of the bound in nats per datum [B]."""

    def surrogate(self, p: Particles) -> Tensor:
        """The bound's value with the gradient to follow [B].

        By default the exact gradient of the bound's expectation: pathwise where sites are
        reparameterised, by the score function (REINFORCE) where they are not.
        """
        return self._with_exact_gradient(p)

    def _with_exact_gradient(self, p: Particles) -> Tensor:
        bound = self.bound(p)
        term = self._score_term(p, bound)
        return bound if term is None else bound + (term - term.detach())

    def credit(self, p: Particles, bound: Tensor) -> Tensor:
        """What the score of each particle is multiplied by [K, B]; need not be differentiable."""
        return bound.expand(p.num_particles, -1)

    def draw(self, model: Program, guide: Program, *args: Any, **kwargs: Any) -> Particles:  # noqa: ANN401
        """Particles as this objective draws them, without the scales of their sites."""
        return self._particles("ignored", model, guide, args, kwargs)

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
        return self._particles(self._scale_use, model, guide, args, kwargs)

    def draws_in_one_pass(self, model: Program, guide: Program, *args: Any, **kwargs: Any) -> bool:  # noqa: ANN401
        """Whether all particles of this pair are drawn in one pass, along an axis of their own.

        A pair that is new is run without side effects, to see whether its networks can.
        """
        self._nesting(model, guide, args, kwargs)
        return self._one_pass

    def per_datum(self, model: Program, guide: Program, *args: Any, **kwargs: Any) -> Tensor:  # noqa: ANN401
        """The bound for each datum, in nats, unscaled, without gradient [B].

        Raises:
            PlateError: The pair has global latents, which are of no datum.
        """
        with torch.no_grad():
            p = self.draw(model, guide, *args, **kwargs)
            if p.has_global_sites:
                name = next(iter({**p.global_guide_sites, **p.global_model_sites}))
                raise PlateError(
                    f"site '{name}' is outside plate '{self.batch_plate}' and belongs to all "
                    "data, so that no datum has a bound of its own; take the loss of the whole "
                    "batch, or batch_plate=None"
                )
            return self._evaluated(p)

    def differentiable_loss(
        self,
        model: Program,
        guide: Program,
        *args: Any,  # noqa: ANN401
        **kwargs: Any,  # noqa: ANN401
    ) -> Tensor:
        """Scalar loss in nats whose `backward()` gives the estimator's gradient."""
        with own_parameters():
            for name, network in self.networks.items():
                declare(_named(name), network)
        p = self.draw_scaled(model, guide, *args, **kwargs)
        return self._as_loss(p, self.surrogate(p))

    def reference_loss(self, model: Program, guide: Program, *args: Any, **kwargs: Any) -> Tensor:  # noqa: ANN401
        """Scalar loss of the bound alone, with the exact gradient of its expectation."""
        p = self.draw_scaled(model, guide, *args, **kwargs)
        return -(p.scale * self._with_exact_gradient(p)).sum()

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

    def captured_bound_loss(
        self,
        model: Program,
        guide: Program,
        *args: Any,  # noqa: ANN401
        **kwargs: Any,  # noqa: ANN401
    ) -> Tensor:
        """`bound_loss`, which is in tensors alone."""
        return self.bound_loss(model, guide, *args, **kwargs)

    def is_gradient_of_captured_loss(self, loss_and_grads: Callable[..., Any] | None) -> bool:
        """Whether it is the method of this class, which no subclass has replaced."""
        method = getattr(loss_and_grads, "__func__", None)
        return method is ParticleELBO.loss_and_grads

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

    def __repr__(self) -> str:
        chunked = f".in_chunks({self.particle_chunk})" if self.particle_chunk else ""
        return as_written(self) + chunked

    def __copy__(self) -> Self:
        """A copy has networks of its own, since steps write into them."""
        other = object.__new__(type(self))
        vars(other).update(vars(self))
        vars(other).update(copy.deepcopy(self.networks))
        return other

    @property
    def networks(self) -> dict[str, nn.Module]:
        """Networks of this estimator itself, by the name of their attribute. Most have none."""
        return {n: value for n, value in vars(self).items() if isinstance(value, nn.Module)}

    def leaves(self) -> dict[str, Tensor]:
        """Trainable parameters of the networks, by the names under which a step declares them."""
        each = [declared(_named(name), network) for name, network in self.networks.items()]
        return {name: leaf for leaves in each for name, leaf in leaves.items()}

    def state_dict(self) -> dict[str, Tensor]:
        """Tensors that steps change, by name, as they are: no copies. Most estimators have none.

        By default those of the networks. `pyrovae.fit` keeps them in its checkpoints. Steps write
        into them in place.
        """
        found: dict[str, Tensor] = {}
        for name, network in self.networks.items():
            for local, tensor in (*network.named_parameters(), *network.named_buffers()):
                found[f"{name}.{local}"] = tensor
        return found

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Write what `state_dict` gave into this objective's own tensors: all or nothing.

        Raises:
            CheckpointError: It is the state of another objective.
        """
        own = self.state_dict()
        here, there = (
            {name: list(tensor.shape) for name, tensor in tensors.items()}
            for tensors in (own, state)
        )
        if here != there:
            raise CheckpointError(
                f"{self} keeps {here or 'no state'} between steps, and the state to load is "
                f"{there or 'empty'}; load it into an objective made like the one that was saved"
            )
        with torch.no_grad():
            for name, tensor in own.items():
                tensor.copy_(state[name])

    @property
    def _scale_use(self) -> ScaleUse:
        return "own" if self.is_linear else "common"

    def _particles(
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

    def _draw(
        self,
        depth: int | None,
        scales: ScaleUse,
        model: Program,
        guide: Program,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Particles:
        return draw(
            model,
            guide,
            *args,
            num_particles=self.num_particles,
            vectorize_particles=self._one_pass,
            batch_plate=self.batch_plate,
            max_plate_nesting=depth,
            fixed_latents=self._fixed_latents,
            chunk=self.particle_chunk,
            scales=scales,
            **kwargs,
        )

    def _nesting(
        self, model: Program, guide: Program, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> int | None:
        if not self.vectorize_particles or self.num_particles == 1:
            return self.max_plate_nesting
        if self._known is None or self._known.pair != (model, guide):
            self._known = None
            asked = self.max_plate_nesting
            depth, refusal = plan(
                model,
                guide,
                *args,
                batch_plate=self.batch_plate,
                max_plate_nesting=asked,
                **kwargs,
            )
            self._known = _Known((model, guide), depth, refusal)
        return self._known.depth

    @property
    def _one_pass(self) -> bool:
        """Whether the pair that was asked about last is drawn in one pass."""
        return self.vectorize_particles and not (self._known and self._known.refusal)

    def _remember(self, p: Particles) -> None:
        """Keep how particles were drawn, and say once if it was one by one."""
        if self._known is None:
            return
        if self._known.refusal:
            if not self._known.is_noted:
                self._known = replace(self._known, is_noted=True)
                warn_one_by_one(self._known.refusal)
        elif p.are_one_by_one:  # a later batch met what the first did not: `draw` said so
            self._known = replace(self._known, refusal="a batch failed", is_noted=True)

    def _evaluated(self, p: Particles) -> Tensor:
        """The bound of particles that no gradient is wanted of [B]."""
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

    def _score_term(self, p: Particles, bound: Tensor) -> Tensor | None:
        """What has the gradient of the score function [B]; None where all is reparameterised."""
        score = self._score(p)
        return None if score is None else (self.credit(p, bound).detach() * score).sum(0)

    def _score(self, p: Particles) -> Tensor | None:
        """log q of the sites without a reparameterised sampler [K, B]."""
        terms = [s.scaled(False).log_prob for s in p.guide_sites.values() if s.needs_score]
        return torch.stack(terms).sum(0) if terms else None

    def _get_trace(
        self, model: Program, guide: Program, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:  # noqa: ANN401
        return get_importance_trace("flat", float("inf"), model, guide, args, kwargs)


@dataclass(frozen=True)
class _Known:
    """What an objective knows of the pair that it was used on last.

    Attributes:
        pair: Model and guide.
        depth: Batch dims of its plates.
        refusal: Why its particles are drawn one by one; "" where they are not.
        is_noted: Whether that was said.
    """

    pair: tuple[Program, Program]
    depth: int
    refusal: str
    is_noted: bool = False


def _named(network: str) -> str:
    return f"objective.{network}"


def against_the_others(terms: Tensor) -> Tensor:
    """Each particle's term minus the mean of the others' [K, B]; K >= 2."""
    num_particles = terms.shape[0]
    return (terms - terms.mean(0)) * (num_particles / (num_particles - 1))
