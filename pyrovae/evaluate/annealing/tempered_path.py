"""The path of densities from a guide to the posterior, over unconstrained latents."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyro
import torch
from torch import Tensor

from ...errors import SiteError
from ...particles import Particles, score
from ...particles.tracing import Program
from ..block import Block
from .coordinates import Coordinates


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
        self._sites = [Coordinates.of(s, like) for s in like.guide_sites.values()]

    @property
    def given(self) -> tuple[Any, ...]:
        """What `density` takes of the block: the pair's arguments, and bounds of the latents."""
        return (*self._block.args, *(bound for c in self._sites for bound in c.bounds))

    def __call__(self, u: Tensor) -> State:
        """Score chains at u [K, B, D]; differentiable in it."""
        return self._state(u, self._sites, self._block.args)

    def density(self, u: Tensor, *given: Any) -> State:  # noqa: ANN401
        """The same for a block that is like this one but for what is given."""
        count = len(self._block.args)
        bounds = iter(given[count:])
        return self._state(u, [c.within(bounds) for c in self._sites], given[:count])

    def _state(self, u: Tensor, sites: Sequence[Coordinates], args: tuple[Any, ...]) -> State:
        latents, log_det = {}, u.new_zeros(())
        parts = u.split([math.prod(c.shape) for c in sites], dim=-1)
        for coordinates, part in zip(sites, parts, strict=True):
            value, stretch = coordinates.constrain(part)
            latents[coordinates.name] = value
            log_det = log_det + stretch
        p = self._score(latents, args)
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

    def _score(self, latents: Mapping[str, Tensor], args: tuple[Any, ...]) -> Particles:
        block = self._block
        with pyro.validation_enabled(not self._checked):
            p = score(
                block.model,
                self._guide,
                *args,
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
