"""Particles whose latents stand on aliases, where the gradient to the guide can be weighed."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor

from .assembly import Particles, assemble, with_guide
from .site import Site
from .tracing import Pair, Program, Trace, recordings, sample_sites


@dataclass(frozen=True)
class Paths:
    """Particles of which the model, and on request the guide, sees aliases of the latents.

    An alias has the value of what the guide drew and passes gradients on to it, so that each
    derivative along z goes through exactly one alias, whatever other latents it goes on through.

    Attributes:
        particles: The model scored at the aliases, the guide as it was drawn.
        traces: Of the guide with aliases for values: one, or one per particle.
    """

    particles: Particles
    traces: list[Trace]
    _pair: Pair
    _particle_dim: int | None

    def rescored(self) -> Particles:
        """The same particles with the guide run and scored again, at the aliases.

        Raises:
            KeyError: A flow of the guide has no inverse, and cannot score what it did not draw.
            NotImplementedError: Likewise.
        """
        again = self._pair.record_guide(
            self.particles.num_particles, self._particle_dim, self.traces
        )
        p = with_guide(self.particles, again)
        _ = p.log_q  # the networks of conditional distributions may run no sooner than this
        return p

    def along(self, total: Tensor) -> Tensor:
        """Zero, with the gradient of a scalar along the latents alone.

        Whatever else the scalar depends on, declared to Pyro or not, gets none of it.
        """
        aliases = [alias for _, _, alias in self._aliases()]
        zero = torch.zeros_like(total)
        if not aliases or not total.requires_grad:
            return zero
        gradients = torch.autograd.grad(total, aliases, allow_unused=True)
        pairs = [(a, g) for a, g in zip(aliases, gradients, strict=True) if g is not None]
        return sum((((alias - alias.detach()) * g).sum() for alias, g in pairs), start=zero)

    def weigh(self, factor: Tensor) -> None:
        """Multiply the gradient that reaches the latents by a factor for each particle [K, B]."""
        rows = factor.split(1) if self._particle_dim is None else [factor]
        for index, site, alias in self._aliases():
            event_dim = site.distributions[index].event_dim
            _multiply_gradient(alias, site.layout.spread(rows[index], alias, event_dim))

    def _aliases(self) -> Iterator[tuple[int, Site, Tensor]]:
        """Number of the trace, site and tensor, of those through which a gradient can pass."""
        for index, trace in enumerate(self.traces):
            for name, site in self.particles.guide_sites.items():
                if not site.is_observed:
                    for alias in _with_soft(cast(Tensor, trace.nodes[name]["value"])):
                        if alias.requires_grad:
                            yield index, site, alias


def draw_paths(
    model: Program,
    guide: Program,
    *args: Any,  # noqa: ANN401
    num_particles: int = 1,
    vectorize_particles: bool = True,
    batch_plate: str | None = "auto",
    max_plate_nesting: int | None = None,
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
    pair = Pair(model, guide, args, kwargs)
    aliased: list[Trace] = []

    def alias(trace: Trace) -> Trace:
        aliased.append(_aliased(trace))
        return aliased[-1]

    traces, dim = pair.traces(num_particles, vectorize_particles, max_plate_nesting, alias)
    p = assemble([recordings(t) for t in traces], num_particles, dim, batch_plate)
    return Paths(p, aliased, pair, dim)


_SOFT = "_unquantize"  # where Pyro's straight-through distributions keep what they rounded


def _aliased(trace: Trace) -> Trace:
    other = trace.copy()
    for name, site in sample_sites(trace).items():
        if not site["is_observed"]:
            alias, *soft = (tensor.view_as(tensor) for tensor in _with_soft(site["value"]))
            if soft:
                setattr(alias, _SOFT, soft[0])
            other.nodes[name] = cast(Any, {**site, "value": alias})
    return other


def _with_soft(value: Tensor) -> list[Tensor]:
    """A value, and the unrounded one at which a straight-through distribution scores it."""
    soft = getattr(value, _SOFT, None)
    return [value] if soft is None else [value, soft]


def _multiply_gradient(tensor: Tensor, factor: Tensor) -> None:
    tensor.register_hook(lambda gradient: gradient * factor.to(gradient.dtype))
