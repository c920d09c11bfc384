"""Score given latents under a model and a guide."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ..errors import PyrovaeError, SiteError, first_line
from .assembly import assemble
from .draw import draw
from .handlers import Program, Trace, condition_on
from .isolation import isolated
from .layout import Layout
from .one_by_one import warn_one_by_one
from .particles import Particles
from .traces import recordings, subsamples_of
from .tracing import FAILURES, Pair


def score(
    model: Program,
    guide: Program,
    *args: Any,  # noqa: ANN401
    latents: Mapping[str, Tensor],
    like: Particles | None = None,
    vectorize_particles: bool = True,
    batch_plate: str | None = "auto",
    **kwargs: Any,  # noqa: ANN401
) -> Particles:
    """Score given latents under model and guide; differentiable in them.

    Where both are one program, it runs once.

    Args:
        model: See `draw`, as for the guide and the arguments of the batch.
        latents: Values of all latents of the guide, as `Particles.latents` holds them
            [K, B, ...].
        like: Particles of the same pair and batch, which save the extra pass that finds where
            particles and data lie.
        vectorize_particles: See `draw`.
        batch_plate: See `draw`.

    Raises:
        SiteError: A latent of the guide is missing, or a given one is not there.

    Example:
        >>> from pyrovae.data import LinearGaussian
        >>> oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> x = oracle.sample(3, seed=1)
        >>> p = draw(oracle.model, oracle.guide, x, num_particles=4)
        >>> again = score(oracle.model, oracle.guide, x, latents=p.latents)
        >>> torch.equal(again.log_w, p.log_w)
        True
    """
    if like is None:
        with isolated(), torch.no_grad():
            like = draw(model, guide, *args, batch_plate=batch_plate, scales="ignored", **kwargs)
    needed = {name for name, site in like.guide_sites.items() if not site.is_observed}
    if not needed or not needed <= latents.keys() <= like.guide_sites.keys():
        raise SiteError(
            f"score got values of {sorted(latents)}, and the guide samples {sorted(needed)}; give "
            "a value of each"
        )
    num_particles = next(iter(latents.values())).shape[0]
    known = next(iter(like.guide_sites.values())).layout
    depth = known.rank - (known.particle_dim is not None)

    def scored_at(groups: list[Mapping[str, Tensor]], layout: Layout) -> Particles:
        """Groups of particles, each scored in one pass."""
        traces: list[tuple[Trace, Trace]] = []
        for group in groups:
            pair = Pair(model, condition_on(guide, group, layout), args, kwargs)
            same = subsamples_of(traces[0]) if traces else None
            size = num_particles // len(groups)
            if model is guide:  # the densities of one program alone are wanted
                trace = pair.run(pair.guide, size, depth, same, pair.own_parameters())
                traces.append((trace, trace))
            else:
                traces.append(pair.trace(size, depth, replay=same))
        each = [recordings(trace) for trace in traces]
        return assemble(each, num_particles, layout.particle_dim, batch_plate)

    refusal = ""
    if num_particles > 1 and vectorize_particles:
        in_one_pass = replace(known, particle_dim=-depth - 1, rank=depth + 1)
        try:
            return scored_at([latents], in_one_pass)
        except (PyrovaeError, torch.OutOfMemoryError):
            raise
        except FAILURES as error:
            refusal = first_line(error)
    one_by_one = replace(known, particle_dim=None, rank=depth)
    singles = [{n: v[k : k + 1] for n, v in latents.items()} for k in range(num_particles)]
    p = scored_at(list(singles), one_by_one)
    if refusal:
        warn_one_by_one(refusal)
    return p
