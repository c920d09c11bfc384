"""Unconstrained coordinates of the latents of a pair."""

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.distributions import biject_to, constraints

from ...errors import ReparamError, SiteError, SupportError
from ...particles import Particles
from ...particles.layout import Layout
from ...particles.site import Site

_POINT_MASSES = ("Delta", "_DeltaDistribution")


@dataclass(frozen=True)
class Coordinates:
    """Unconstrained coordinates of one latent site.

    Attributes:
        name: Of the site.
        support: Of its distribution.
        layout: Where particles and data lie in its values.
        event_dim: Of the values.
        shape: Of the coordinates of a datum.
        own_event_dim: Of the coordinates.
        transform: From coordinates to values.
    """

    name: str
    support: constraints.Constraint
    layout: Layout
    event_dim: int
    shape: tuple[int, ...]
    own_event_dim: int

    @cached_property
    def transform(self) -> Any:  # noqa: ANN401
        return biject_to(self.support)

    @property
    def bounds(self) -> list[Tensor]:
        """The tensors that the support is made of."""
        return list(_bounds(self.support))

    def within(self, bounds: Iterator[Tensor]) -> "Coordinates":
        """The same with the next of these tensors in the places of the support's own."""
        return replace(self, support=_with_bounds(self.support, bounds))

    @staticmethod
    def of(site: Site, like: Particles) -> "Coordinates":
        name, partner = site.name, like.model_sites.get(site.name)
        if partner is None or partner.is_observed or not site.is_latent:
            why = "has no partner among the latents of the model"
        elif site.kind in _POINT_MASSES:
            why = "is a point mass"
        else:
            why = ""
        if partner is None or why:
            raise SiteError(
                f"site '{name}' of the guide {why}, so there is no path from the guide to the "
                "posterior; start from the prior: start='prior'"
            )
        fn = partner.distributions[0]
        support = fn.support
        if support is None or support.is_discrete:
            raise ReparamError(
                f"site '{name}' ({partner.kind}) is discrete, and Hamiltonian moves need "
                "continuous latents; use log_evidence, or enumerate it with "
                "pyro.infer.TraceEnum_ELBO"
            )
        known = site.layout
        depth = known.rank - (known.particle_dim is not None)
        layout = replace(known, particle_dim=-depth - 1, rank=depth + 1)
        if _varies(partner, layout.particle_dim or 0):
            raise SupportError(
                f"the support of site '{name}' ({partner.kind}) depends on other latents, and the "
                "moves of annealing need a fixed one; write it as a transformed latent"
            )
        transform = biject_to(support)
        event_dim = fn.event_dim
        own = event_dim - transform.codomain.event_dim + transform.domain.event_dim
        first = layout.arrange(transform.inv(layout.restore(site.value, event_dim)), own)
        return Coordinates(name, support, layout, event_dim, tuple(first.shape[2:]), own)

    def constrain(self, part: Tensor) -> tuple[Tensor, Tensor]:
        """Latents [K, B, ...] and log |dz/du| [K, B] from coordinates [K, B, d]."""
        u = self.layout.restore(part.reshape(*part.shape[:2], *self.shape), self.own_event_dim)
        z = self.transform(u)
        log_det = self.transform.log_abs_det_jacobian(u, z)
        event_dims = range(u.dim() - self.own_event_dim, log_det.dim())
        log_det = log_det.sum(tuple(event_dims)) if event_dims else log_det
        return self.layout.arrange(z, self.event_dim), self.layout.reduce(log_det)

    def unconstrain(self, value: Tensor) -> Tensor:
        """Coordinates [K, B, d] of latents [K, B, ...]."""
        u = self.transform.inv(self.layout.restore(value, self.event_dim))
        u = self.layout.arrange(u, self.own_event_dim)
        return u.reshape(*u.shape[:2], -1)


def _varies(site: Site, particle_dim: int) -> bool:
    """Whether the bounds of the site's support differ between particles."""
    bounds = [list(_bounds(fn.support)) for fn in site.distributions]
    for group in zip(*bounds, strict=True):
        if any(not torch.equal(group[0], other) for other in group[1:]):
            return True
        axis = particle_dim - site.distributions[0].event_dim
        for bound in group:
            if bound.dim() >= -axis and not torch.equal(
                bound, bound.narrow(axis, 0, 1).expand_as(bound)
            ):
                return True
    return False


def _bounds(constraint: constraints.Constraint) -> Iterator[Tensor]:
    """The tensors that a constraint is made of.

    Each class of torch keeps them under names of its own, and no method lists them.
    """
    for value in vars(constraint).values():
        for part in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(part, Tensor):
                yield part
            elif isinstance(part, constraints.Constraint):
                yield from _bounds(part)


def _with_bounds(
    constraint: constraints.Constraint, bounds: Iterator[Tensor]
) -> constraints.Constraint:
    """A constraint made of other tensors, in the order of `_bounds`."""

    def other(part: Any) -> Any:  # noqa: ANN401
        if isinstance(part, Tensor):
            return next(bounds)
        return _with_bounds(part, bounds) if isinstance(part, constraints.Constraint) else part

    if not list(_bounds(constraint)):
        return constraint
    made = copy(constraint)
    for name, value in vars(constraint).items():
        each = type(value)(map(other, value)) if type(value) in (list, tuple) else other(value)
        setattr(made, name, each)
    return made
