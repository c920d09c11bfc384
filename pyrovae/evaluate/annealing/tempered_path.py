"""The path of densities from a guide to the posterior, over unconstrained latents."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pyro
import torch
from torch import Tensor
from torch.distributions import biject_to, constraints

from ...errors import ReparamError, SiteError, SupportError
from ...particles import Particles, score
from ...particles.layout import Layout
from ...particles.site import Site
from ...particles.tracing import Program
from ..block import Block

_POINT_MASSES = ("Delta", "_DeltaDistribution")


@dataclass(frozen=True)
class State:
    """K chains for each of B data.

    Attributes:
        u: Unconstrained latents, all sites side by side [K, B, D].
        log_start: Log-density of u under the guide [K, B].
        log_w: Log weight log p(x, z) - log q(z|x) [K, B].
    """

    u: Tensor
    log_start: Tensor
    log_w: Tensor


class TemperedPath:
    r"""Densities :math:`\pi_\beta \propto q(z|x)^{1-\beta} p(x,z)^\beta`, in coordinates u of R^D.

    Args:
        block: Rows of a sweep.
        guide: q, whose density must be known at any z.
        like: Two or more particles of the block.

    Raises:
        ReparamError: A latent is discrete.
        SiteError: The guide has latents that the model has not, or a point mass.
        SupportError: The support of a latent depends on other latents.
    """

    def __init__(self, block: Block, guide: Program, like: Particles) -> None:
        self._block, self._guide, self._like = block, guide, like
        self._checked = False
        self._sites = [_Coordinates.of(s, like) for s in like.guide_sites.values()]

    def __call__(self, u: Tensor) -> State:
        """Score chains at u [K, B, D]; differentiable in it."""
        latents, log_det = {}, u.new_zeros(())
        parts = u.split([math.prod(c.shape) for c in self._sites], dim=-1)
        for coordinates, part in zip(self._sites, parts, strict=True):
            value, stretch = coordinates.constrain(part)
            latents[coordinates.name] = value
            log_det = log_det + stretch
        p = self._score(latents)
        return State(u, p.log_q + log_det, p.log_w)

    def at(self, latents: Mapping[str, Tensor]) -> State:
        """Chains at given latents [K, B, ...]."""
        parts = [c.unconstrain(latents[c.name]) for c in self._sites]
        return self(torch.cat(parts, dim=-1))

    def latents(self, u: Tensor) -> dict[str, Tensor]:
        """The latents at u, by site [K, B, ...]."""
        parts = u.split([math.prod(c.shape) for c in self._sites], dim=-1)
        pairs = zip(self._sites, parts, strict=True)
        return {c.name: c.constrain(part)[0] for c, part in pairs}

    def _score(self, latents: Mapping[str, Tensor]) -> Particles:
        block = self._block
        with pyro.validation_enabled(not self._checked):
            p = score(
                block.model,
                self._guide,
                *block.args,
                latents=latents,
                like=self._like,
                vectorize_particles=block.vectorize_particles,
                batch_plate=block.batch_plate,
            )
            try:
                p.log_w  # noqa: B018 (scored lazily: here, under this validation)
            except (KeyError, NotImplementedError) as error:
                raise SiteError(
                    "the guide cannot score latents that it did not draw itself (a flow without "
                    "an inverse?), and annealing moves them; start from the prior: start='prior'"
                ) from error
        self._checked = True
        return p


@dataclass(frozen=True)
class _Coordinates:
    """Unconstrained coordinates of one latent site."""

    name: str
    transform: Any
    layout: Layout
    event_dim: int
    shape: tuple[int, ...]  # of a datum's coordinates
    own_event_dim: int  # of the coordinates

    @staticmethod
    def of(site: Site, like: Particles) -> "_Coordinates":
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
        return _Coordinates(name, transform, layout, event_dim, tuple(first.shape[2:]), own)

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
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, constraints.Constraint):
            yield from _bounds(value)
