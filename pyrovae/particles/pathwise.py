"""Particles whose latents stand on aliases, where the gradient to the guide can be weighed."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor

from .chunks import in_chunks, recomputed
from .particle_axis import note
from .particles import Particles, ScaleUse, assemble, joined, scored, with_guide, with_scales
from .site import Site
from .tracing import SOFT, Pair, Program, Trace, recordings, sample_sites


@dataclass(frozen=True)
class Paths:
    """Particles of which the model, and on request the guide, sees aliases of the latents.

    An alias has the value of what the guide drew and passes gradients on to it, so that each
    derivative along z goes through exactly one alias, whatever other latents it goes on through.

    Attributes:
        particles: The model scored at the aliases, the guide as it was drawn.
    """

    particles: Particles
    _parts: list["_Part"]

    def rescored(self) -> Particles:
        """The same particles with the guide run and scored again, at the aliases.

        Raises:
            KeyError: A flow of the guide has no inverse, and cannot score what it did not draw.
            NotImplementedError: Likewise.
        """
        if len(self._parts) == 1:
            return self._parts[0].rescored()
        # Under other aliases each time: a flow remembers what it has scored.
        again = [partial(_scored_afresh, part) for part in self._parts]
        return joined([recomputed(run) for run in again])

    def along(self, total: Tensor, *, of_all_data: bool = False) -> Tensor:
        """Zero, with the gradient of a scalar along the latents alone.

        Whatever else the scalar depends on, declared to Pyro or not, gets none of it.

        Args:
            total: The scalar.
            of_all_data: Along the global latents, and not along those of each datum, whose turn
                comes after.
        """
        parts = self._parts[:1] if of_all_data else self._parts
        aliases = [alias for part in parts for _, _, alias in part.aliases(of_all_data)]
        zero = torch.zeros_like(total)
        if not aliases or not total.requires_grad:
            return zero
        gradients = torch.autograd.grad(
            total, aliases, allow_unused=True, retain_graph=of_all_data
        )
        pairs = [(a, g) for a, g in zip(aliases, gradients, strict=True) if g is not None]
        return sum((((alias - alias.detach()) * g).sum() for alias, g in pairs), start=zero)

    def weigh(self, factor: Tensor) -> None:
        """Multiply the gradient that reaches the latents by a factor for each particle [K, B]."""
        sizes = [part.particles.num_particles for part in self._parts]
        for part, own in zip(self._parts, factor.split(sizes), strict=True):
            rows = own.split(1) if part.particle_dim is None else [own]
            for index, site, alias in part.aliases():
                event_dim = site.distributions[index].event_dim
                _multiply_gradient(alias, site.layout.spread(rows[index], alias, event_dim))


def draw_paths(
    model: Program,
    guide: Program,
    *args: Any,  # noqa: ANN401
    num_particles: int = 1,
    vectorize_particles: bool = True,
    batch_plate: str | None = "auto",
    max_plate_nesting: int | None = None,
    chunk: int | None = None,
    scales: ScaleUse = "common",
    **kwargs: Any,  # noqa: ANN401
) -> Paths:
    """Draw particles as `draw` does, and put the model on aliases of their latents.

    Example:
        >>> from pyrovae.data import LinearGaussian
        >>> oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> x = oracle.sample(3, seed=1)
        >>> paths = draw_paths(oracle.model, oracle.guide, x, num_particles=4)
        >>> paths.rescored().log_w.shape
        torch.Size([4, 3])
    """
    plate = None if batch_plate == "auto" else batch_plate
    pair = Pair(model, guide, args, kwargs, plate=plate)
    depth, one_pass = max_plate_nesting, vectorize_particles

    def some(count: int, same: Trace | None) -> tuple[_Part, Trace]:
        aliased: list[Trace] = []

        def alias(trace: Trace) -> Trace:
            aliased.append(_aliased(trace))
            return aliased[-1]

        traced = pair.traces(count, one_pass, depth, alias, same)
        runs, dim = traced.runs, traced.particle_dim
        p = assemble([recordings(run) for run in runs], count, dim, batch_plate)
        p = with_scales(p, scales)
        if traced.refusal:
            note(traced.refusal)
            aliased = aliased[-len(runs) :]  # without that of the pass that failed
        return _Part(p, aliased, pair, dim), pair.drawn_once(runs[0])

    if chunk is None or num_particles <= chunk:
        part, _ = some(num_particles, None)
        return Paths(part.particles, [part])
    if one_pass and depth is None:
        depth, refusal = pair.plan()
        if refusal:
            one_pass = False
            note(refusal)

    def part_of(count: int, same: Trace | None) -> tuple[_Part, Trace]:
        part, subsample = some(count, same)
        return replace(part, particles=scored(part.particles)), subsample

    parts = in_chunks(num_particles, chunk, part_of)
    return Paths(joined([part.particles for part in parts]), parts)


@dataclass(frozen=True)
class _Part:
    """Particles that were drawn together, and the traces of the guide with aliases for values."""

    particles: Particles
    traces: list[Trace]
    pair: Pair
    particle_dim: int | None

    def rescored(self) -> Particles:
        count = self.particles.num_particles
        again = self.pair.record_guide(count, self.particle_dim, self.traces)
        p = with_guide(self.particles, again)
        # The networks of conditional distributions may run no sooner than this.
        _ = p.log_q, p.log_global
        return p

    def aliases(self, of_all_data: bool = False) -> Iterator[tuple[int, Site, Tensor]]:
        """Number of the trace, site and tensor, of those through which a gradient can pass."""
        p = self.particles
        sites = p.global_guide_sites if of_all_data else p.guide_sites
        for index, trace in enumerate(self.traces[:1] if of_all_data else self.traces):
            for name, site in sites.items():
                if not site.is_observed:
                    for alias in _with_soft(cast(Tensor, trace.nodes[name]["value"])):
                        if alias.requires_grad:
                            yield index, site, alias


def _scored_afresh(part: _Part) -> Particles:
    return scored(replace(part, traces=[_aliased(trace) for trace in part.traces]).rescored())


def _aliased(trace: Trace) -> Trace:
    other = trace.copy()
    for name, site in sample_sites(trace).items():
        if not site["is_observed"]:
            alias, *soft = (tensor.view_as(tensor) for tensor in _with_soft(site["value"]))
            if soft:
                setattr(alias, SOFT, soft[0])
            other.nodes[name] = cast(Any, {**site, "value": alias})
    return other


def _with_soft(value: Tensor) -> list[Tensor]:
    """A value, and the unrounded one at which a straight-through distribution scores it."""
    soft = getattr(value, SOFT, None)
    return [value] if soft is None else [value, soft]


def _multiply_gradient(tensor: Tensor, factor: Tensor) -> None:
    tensor.register_hook(lambda gradient: gradient * factor.to(gradient.dtype))
