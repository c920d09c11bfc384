"""What a guide and a model recorded, laid out as `Particles`."""

from dataclasses import replace
from typing import Any

from ..errors import PlateError, SiteError
from .layout import PARTICLE_PLATE, Layout
from .match import check_match, check_observed, check_shapes
from .particles import Particles
from .plates import Named, batch_axis, nesting, outside_plate
from .scales import Scales
from .site import Site, is_enumerable
from .traces import Recording


def assemble(
    recordings: list[tuple[Recording, Recording]],
    num_particles: int,
    particle_dim: int | None,
    batch_plate: str | None,
) -> Particles:
    """Check that a guide and a model fit together, and lay out what they recorded.

    Args:
        recordings: Of guide and model: one for all particles, or one per particle.
        num_particles: K.
        particle_dim: The particle plate's dim; None where each particle was recorded alone.
        batch_plate: See `draw`.
    """
    guide_sites, model_sites = ([r[i].sites for r in recordings] for i in (0, 1))
    check_match(model_sites[0], guide_sites[0])
    _check_alike(guide_sites)
    _check_alike(model_sites)
    penalties = _penalties(guide_sites[0], model_sites[0])
    every = [("guide", n, s) for n, s in guide_sites[0].items()]
    every += [("model", n, s) for n, s in model_sites[0].items()]
    shared = outside_plate(every, batch_plate)
    local = [named for named in every if named[1] not in shared]
    batch_dim, batch_size = batch_axis(local, batch_plate)
    rank = _rank(every, particle_dim)
    for name in guide_sites[0].keys() & model_sites[0].keys():
        check_shapes(name, model_sites[0][name]["fn"], guide_sites[0][name]["fn"], particle_dim)
    for name, site in model_sites[0].items():
        if site["is_observed"]:
            check_observed(name, site)
    layout = Layout(particle_dim, batch_dim, rank, batch_size)
    once = Layout(None, None, rank, 1)
    drawn, scored_by_model = (
        {
            n: _site(n, [traces[0][n]], once)
            if n in shared
            else _site(n, [t[n] for t in traces], layout)
            for n in traces[0]
        }
        for traces in (guide_sites, model_sites)
    )
    guide_recording, model_recording = recordings[0]
    return Particles(
        model_sites={n: s for n, s in scored_by_model.items() if n not in shared},
        guide_sites={n: s for n, s in drawn.items() if n not in shared and n not in penalties},
        model_parameters=model_recording.leaves,
        guide_parameters=guide_recording.leaves,
        scales=Scales(local, layout),
        num_particles=num_particles,
        batch_size=batch_size,
        penalties={n: drawn[n] for n in penalties},
        global_model_sites={n: s for n, s in scored_by_model.items() if n in shared},
        global_guide_sites={n: s for n, s in drawn.items() if n in shared and n not in penalties},
    )


def with_guide(p: Particles, recordings: list[Recording]) -> Particles:
    """The same particles, with the guide recorded again at their values."""
    sites = [r.sites for r in recordings]
    again = {
        n: _site(n, [t[n] for t in sites], s.layout).scaled(s.is_scaled)
        for n, s in p.guide_sites.items()
    }
    once = {n: _site(n, [sites[0][n]], s.layout) for n, s in p.global_guide_sites.items()}
    return replace(p, guide_sites=again, global_guide_sites=once)


def _site(name: str, messages: list[dict[str, Any]], layout: Layout) -> Site:
    first = messages[0]
    return Site(
        name=name,
        distributions=tuple(m["fn"] for m in messages),
        is_observed=first["is_observed"],
        is_auxiliary=bool((first["infer"] or {}).get("is_auxiliary")),
        is_enumerable=is_enumerable(first),
        layout=layout,
        _values=tuple(m["value"] for m in messages),
        masks=tuple(m["mask"] for m in messages),
        scales=tuple(m["scale"] for m in messages),
        plates={
            frame.name: frame.dim
            for frame in first["cond_indep_stack"]
            if frame.dim is not None and frame.name != PARTICLE_PLATE
        },
        _messages=tuple(messages),
    )


def _check_alike(of_particles: list[dict[str, Any]]) -> None:
    """Each particle visits the same sites."""
    one, *others = of_particles
    for other in others:
        if other.keys() != one.keys():
            raise SiteError(
                f"one particle visits the sites {sorted(one)} and another {sorted(other)}; "
                "estimators per datum need the same sites in every particle"
            )


def _rank(every: list[Named], particle_dim: int | None) -> int:
    """Batch dims of the log-densities, that of the particles included."""
    occupied = nesting(message for _, _, message in every)
    rank = occupied if particle_dim is None else -particle_dim
    if rank < occupied:
        raise PlateError(
            f"the plates of the pair occupy {occupied} batch dims, and max_plate_nesting leaves "
            f"room for {rank - 1}; leave it out, or raise it"
        )
    return rank


def _penalties(guide_sites: dict[str, Any], model_sites: dict[str, Any]) -> list[str]:
    def of(sites: dict[str, Any]) -> list[str]:
        return [name for name, site in sites.items() if (site["infer"] or {}).get("is_penalty")]

    if misplaced := of(model_sites):
        raise SiteError(
            f"the model has `pyrovae.penalty('{misplaced[0]}', ...)`, which would count as a part "
            "of log p(x, z); write it in the guide, or `pyro.factor` where it is meant to count"
        )
    return of(guide_sites)
