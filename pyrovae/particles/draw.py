"""A (model, guide) pair and a batch become particles, by tracing Pyro: the one way to draw."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ..errors import PyrovaeError, SiteError, first_line
from .chunks import in_chunks
from .particle_axis import FAILURES, note
from .particles import Particles, ScaleUse, assemble, joined, scored, with_scales
from .plates import Layout, batch_axis, nesting
from .tracing import (
    Pair,
    Program,
    Trace,
    condition_on,
    isolated,
    only_subsample_sites,
    record,
    recordings,
    sample_sites,
    without_observations,
)


def draw(
    model: Program,
    guide: Program,
    *args: Any,  # noqa: ANN401 (whatever the pair takes)
    num_particles: int = 1,
    vectorize_particles: bool = True,
    batch_plate: str | None = "auto",
    max_plate_nesting: int | None = None,
    fixed_latents: bool = False,
    chunk: int | None = None,
    scales: ScaleUse = "common",
    **kwargs: Any,  # noqa: ANN401
) -> Particles:
    """Draw K particles per datum from the guide and score them under model and guide.

    Args:
        model: Pyro model p(z)p(x|z), called as `model(*args, **kwargs)`.
        guide: Pyro guide q(z|x), called likewise.
        num_particles: K >= 1.
        vectorize_particles: Draw all particles in one pass, along an axis left of all plates:
            networks see `[K, B, ...]`. False traces the pair K times, on one and the same
            subsample. So does True with a pair whose networks cannot take that axis, or compute
            something else with it, and a `ParticleAxisWarning` says so (`pyrovae.nn.OneBatchAxis`
            wraps such networks).
        batch_plate: The plate over data. "auto" finds the one plate that encloses every site.
            None asks for one joint bound over all data (B = 1). Its name allows sites outside of
            it: they are drawn once for all data and particles, and kept apart
            (`Particles.log_global`).
        max_plate_nesting: Number of batch dims that plates occupy, where it is known already.
            By default a pass without side effects finds it when K > 1, and another sees whether
            the pair can take the particle axis.
        fixed_latents: Hand every draw on as a constant, through which no gradient flows.
        chunk: Draw so many particles at a time at most, and keep of each its latents and
            log-densities. What a gradient needs beside them is made again in the backward pass,
            so that memory does not grow with K; each is drawn twice. The model's distribution of
            the data is not kept.
        scales: Of subsampled plates and `poutine.scale`. "common" asks for one scale of all sites,
            `Particles.scale`, which no log-density has. "own" multiplies each log-density by the
            scale of its site, which a sum of log-densities can bear and a weight cannot. "ignored"
            leaves them out.

    Raises:
        PlateError: No plate, or more than one, encloses every site.
        ScaleError: Two sites are scaled unequally, and `scales` is "common".
        SiteError: Model and guide do not sample the same latents.
        ShapeError: A latent has another shape in the guide than in the model, or a site has batch
            dims left of the particle axis.

    Example:
        >>> from pyrovae.data import LinearGaussian
        >>> oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> x = oracle.sample(3, seed=1)
        >>> draw(oracle.model, oracle.guide, x, num_particles=4).log_w.shape
        torch.Size([4, 3])
    """
    plate = None if batch_plate == "auto" else batch_plate
    pair = Pair(model, guide, args, kwargs, fixed_latents, plate)

    depth, one_pass = max_plate_nesting, vectorize_particles

    def some(count: int, same: Trace | None) -> tuple[Particles, Trace]:
        traced = pair.traces(count, one_pass, depth, same=same)
        runs = [recordings(run) for run in traced.runs]
        p = with_scales(assemble(runs, count, traced.particle_dim, batch_plate), scales)
        if traced.refusal:
            note(traced.refusal)
        return p, pair.drawn_once(traced.runs[0])

    if chunk is None or num_particles <= chunk:
        return some(num_particles, None)[0]
    if one_pass and depth is None:
        depth, refusal = pair.plan()
        if refusal:
            one_pass = False
            note(refusal)

    def part(count: int, same: Trace | None) -> tuple[Particles, Trace]:
        p, subsample = some(count, same)
        return scored(p), subsample

    return joined(in_chunks(num_particles, chunk, part))


def dream(
    model: Program,
    guide: Program,
    *args: Any,  # noqa: ANN401
    batch_plate: str | None = "auto",
    **kwargs: Any,  # noqa: ANN401
) -> Particles:
    """Draw latents and data from the model, and score the latents under the guide.

    The data of the arguments say how many to make. What the model dreams stands in their place
    when the guide is called. No gradient flows into the dream, and none reaches the model.

    Returns:
        One particle for each datum.

    Raises:
        SiteError: The model cannot be drawn from, the guide has latents of its own, or what the
            model observes is not one of the tensors in the arguments (nor a view of one).
    """
    traces = Pair(model, guide, args, kwargs).dream()
    return assemble([recordings(traces)], 1, None, batch_plate)


@torch.no_grad()
def simulate(
    model: Program,
    *args: Any,  # noqa: ANN401
    guide: Program | None = None,
    mean: bool = False,
    **kwargs: Any,  # noqa: ANN401
) -> dict[str, Tensor]:
    """Run a model with its observations removed: p(x), or p(x|z) with z from the guide.

    Args:
        model: Pyro model. Its data arguments only say how many data to make.
        guide: Where given, latents come from q(z|x) of the data in the arguments.
        mean: Give the mean of each observed site's distribution instead of a draw.

    Returns:
        What each observed site would have held, by name [B, ...].
    """
    drawn = None if guide is None else record(guide, args, kwargs)
    made = record(without_observations(model), args, kwargs, replay=drawn)
    return {
        name: node["fn"].mean if mean else node["value"]
        for name, node in sample_sites(made).items()
        if node["infer"].get("was_observed")
    }


@torch.no_grad()
def simulate_joint(
    model: Program,
    *args: Any,  # noqa: ANN401
    batch_plate: str | None = "auto",
    **kwargs: Any,  # noqa: ANN401
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Run a model with its observations removed: (z, x) ~ p(z, x), so that z ~ p(z|x) exactly.

    Returns:
        Latents by site, arranged as `Particles.latents` [1, B, ...], and what each observed site
        would have held, by name, as in `simulate`.

    Raises:
        PlateError: See `draw`.
    """
    sites = sample_sites(record(without_observations(model), args, kwargs))
    batch_dim, size = batch_axis([("model", n, s) for n, s in sites.items()], batch_plate)
    layout = Layout(None, batch_dim, nesting(sites.values()), size)
    latents, observed = {}, {}
    for name, site in sites.items():
        if site["infer"].get("was_observed"):
            observed[name] = site["value"]
        else:
            latents[name] = layout.arrange(site["value"], site["fn"].event_dim)
    return latents, observed


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
    singly = replace(known, particle_dim=None, rank=depth)

    def scored_at(groups: list[dict[str, Tensor]], layout: Layout) -> Particles:
        traces: list[tuple[Trace, Trace]] = []
        for group in groups:
            pair = Pair(model, condition_on(guide, group, layout), args, kwargs)
            same = only_subsample_sites(traces[0]) if traces else None
            traces.append(pair.trace(num_particles // len(groups), depth, replay=same))
        each = [recordings(trace) for trace in traces]
        return assemble(each, num_particles, layout.particle_dim, batch_plate)

    refusal = ""
    if num_particles > 1 and vectorize_particles:
        in_one = replace(known, particle_dim=-depth - 1, rank=depth + 1)
        try:
            return scored_at([dict(latents)], in_one)
        except (PyrovaeError, torch.OutOfMemoryError):
            raise
        except FAILURES as error:
            refusal = first_line(error)
    p = scored_at(
        [{n: v[k : k + 1] for n, v in latents.items()} for k in range(num_particles)], singly
    )
    if refusal:
        note(refusal)
    return p


def plate_nesting(model: Program, guide: Program, *args: Any, **kwargs: Any) -> int:  # noqa: ANN401
    """Batch dims that the plates of a pair occupy, found by one pass without side effects."""
    return Pair(model, guide, args, kwargs).plate_nesting()


def plan(
    model: Program,
    guide: Program,
    *args: Any,  # noqa: ANN401
    batch_plate: str | None = "auto",
    max_plate_nesting: int | None = None,
    **kwargs: Any,  # noqa: ANN401
) -> tuple[int, str]:
    """Batch dims that the plates of a pair occupy, and why it cannot take the particle axis.

    Found by two passes without side effects: see `Pair.plan`.
    """
    plate = None if batch_plate == "auto" else batch_plate
    return Pair(model, guide, args, kwargs, plate=plate).plan(max_plate_nesting)
