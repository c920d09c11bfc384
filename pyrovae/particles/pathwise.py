"""Particles whose gradient from model to guide, through the latents, can be read and scaled."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor

from .assembly import with_guide
from .chunks import in_chunks, recomputed
from .draw import Drawing
from .handlers import Program, Trace
from .particles import Particles, ScaleUse, joined, scored
from .site import Site
from .traces import RELAXED_VALUE, sample_sites
from .tracing import Pair


@dataclass(frozen=True)
class PathwiseParticles:
    """Particles of which the model, and on request the guide, gets views of the latents.

    A view (`view_as`) has the value of what the guide drew and passes gradients on to it, so that
    each derivative along z goes through exactly one view, whatever other latents it goes on
    through.

    Attributes:
        particles: The model scored at the views, the guide as it was drawn.
    """

    particles: Particles
    _parts: list["_Part"]

    def rescored(self) -> Particles:
        """The same particles with the guide run and scored again, at the views.

        Raises:
            KeyError: A flow of the guide has no inverse, and cannot score what it did not draw.
            NotImplementedError: Likewise.
        """
        if len(self._parts) == 1:
            return self._parts[0].rescored()
        # At new views each time: a flow remembers what it has scored.
        again = [partial(_scored_at_new_views, part) for part in self._parts]
        return joined([recomputed(run) for run in again])

    def along_latents(self, total: Tensor, *, of_all_data: bool = False) -> Tensor:
        """Zero, with the gradient of a scalar through the latents alone.

        Whatever else the scalar depends on, declared to Pyro or not, gets no gradient.

        Args:
            total: The scalar.
            of_all_data: Through the global latents, and not through those of each datum, which
                are to be handled after them.
        """
        parts = self._parts[:1] if of_all_data else self._parts
        views = [view for part in parts for _, _, view in part.views(of_all_data)]
        zero = torch.zeros_like(total)
        if not views or not total.requires_grad:
            return zero
        gradients = torch.autograd.grad(total, views, allow_unused=True, retain_graph=of_all_data)
        pairs = [(v, g) for v, g in zip(views, gradients, strict=True) if g is not None]
        return sum((((view - view.detach()) * g).sum() for view, g in pairs), start=zero)

    def scale_gradient(self, factor: Tensor) -> None:
        """Multiply the gradient that reaches the latents by a factor for each particle [K, B]."""
        sizes = [part.particles.num_particles for part in self._parts]
        for part, own in zip(self._parts, factor.split(sizes), strict=True):
            rows = own.split(1) if part.particle_dim is None else [own]
            for index, site, view in part.views():
                event_dim = site.distributions[index].event_dim
                _multiply_gradient(view, site.layout.spread(rows[index], view, event_dim))


def draw_pathwise(
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
) -> PathwiseParticles:
    """Draw particles as `draw` does, and score the model at views of their latents.

    Example:
        >>> from pyrovae.data import LinearGaussian
        >>> oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> x = oracle.sample(3, seed=1)
        >>> drawn = draw_pathwise(oracle.model, oracle.guide, x, num_particles=4)
        >>> drawn.rescored().log_w.shape
        torch.Size([4, 3])
    """
    plate = None if batch_plate == "auto" else batch_plate
    pair = Pair(model, guide, args, kwargs, plate=plate)
    drawing = Drawing(pair, vectorize_particles, batch_plate, max_plate_nesting, scales)
    if chunk is None or num_particles <= chunk:
        part, _ = _drawn(drawing, num_particles, None)
        return PathwiseParticles(part.particles, [part])
    drawing = drawing.planned()

    def scored_part(count: int, same: Trace | None) -> tuple[_Part, Trace]:
        part, shared = _drawn(drawing, count, same)
        return replace(part, particles=scored(part.particles)), shared

    parts = in_chunks(num_particles, chunk, scored_part)
    return PathwiseParticles(joined([part.particles for part in parts]), parts)


@dataclass(frozen=True)
class _Part:
    """Particles that were drawn together, and the guide's traces with views for values."""

    particles: Particles
    traces: list[Trace]
    pair: Pair
    particle_dim: int | None

    def rescored(self) -> Particles:
        count = self.particles.num_particles
        again = self.pair.record_guide(count, self.particle_dim, self.traces)
        p = with_guide(self.particles, again)
        # Conditional distributions may run their networks no sooner than here.
        _ = p.log_q, p.log_global
        return p

    def views(self, of_all_data: bool = False) -> Iterator[tuple[int, Site, Tensor]]:
        """Number of the trace, site and view, of those through which a gradient can pass."""
        p = self.particles
        sites = p.global_guide_sites if of_all_data else p.guide_sites
        for index, trace in enumerate(self.traces[:1] if of_all_data else self.traces):
            for name, site in sites.items():
                if not site.is_observed:
                    for view in _with_relaxed(cast(Tensor, trace.nodes[name]["value"])):
                        if view.requires_grad:
                            yield index, site, view


def _drawn(drawing: Drawing, num_particles: int, same: Trace | None) -> tuple[_Part, Trace]:
    """Particles, and what later ones share with them."""
    traces: list[Trace] = []

    def substitute(trace: Trace) -> Trace:
        traces.append(_with_views(trace))
        return traces[-1]

    p, drawn = drawing.particles(num_particles, same, substitute)
    of_runs = traces[-len(drawn.runs) :]  # without that of a pass that failed
    part = _Part(p, of_runs, drawing.pair, drawn.particle_dim)
    return part, drawing.pair.drawn_once(drawn.runs[0])


def _scored_at_new_views(part: _Part) -> Particles:
    return scored(replace(part, traces=[_with_views(trace) for trace in part.traces]).rescored())


def _with_views(trace: Trace) -> Trace:
    """The guide's trace with a view in the place of each draw."""
    other = trace.copy()
    for name, site in sample_sites(trace).items():
        if not site["is_observed"]:
            view, *relaxed = (tensor.view_as(tensor) for tensor in _with_relaxed(site["value"]))
            if relaxed:
                setattr(view, RELAXED_VALUE, relaxed[0])
            other.nodes[name] = cast(Any, {**site, "value": view})
    return other


def _with_relaxed(value: Tensor) -> list[Tensor]:
    """A value, and the relaxed one at which a straight-through distribution scores it."""
    relaxed = getattr(value, RELAXED_VALUE, None)
    return [value] if relaxed is None else [value, relaxed]


def _multiply_gradient(tensor: Tensor, factor: Tensor) -> None:
    tensor.register_hook(lambda gradient: gradient * factor.to(gradient.dtype))
