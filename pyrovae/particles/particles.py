"""What a guide and a model recorded becomes particles: the arrays [K, B] that estimators see."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import torch
from pyro.distributions import Unit
from torch import Tensor

from ..errors import PlateError, ShapeError, SiteError
from .plates import PARTICLE_PLATE, Layout, Scales, batch_axis, nesting, outside_plate
from .site import JoinedSite, Site, is_enumerable

ScaleUse = Literal["common", "own", "ignored"]
"""What becomes of the scales of a pair's sites: see `pyrovae.draw`."""


@dataclass(frozen=True)
class Recording:
    """One run of a program: the messages of its sample sites, and its parameters, by name."""

    sites: dict[str, dict[str, Any]]
    leaves: dict[str, Tensor]


@dataclass(frozen=True)
class Particles:
    """K weighted draws from a guide for each of B data, with the log-densities of every site.

    Attributes:
        model_sites: Sample sites of the model by name, in the order of its program.
        guide_sites: Sample sites of the guide likewise.
        model_parameters: Unconstrained leaves that the model declared, by Pyro's name.
        guide_parameters: Likewise for the guide.
        scales: What Pyro multiplies the sites by (N/B of a subsampled plate, `poutine.scale`).
        num_particles: K.
        batch_size: B; 1 for a joint bound.
        global_model_sites: Sites of the model outside a plate over data that was named, drawn once
            for all data and particles; no property here but `log_global` has them.
        global_guide_sites: Likewise of the guide.
        penalties: What the guide adds to the loss, by name; no site of the pair: see
            `pyrovae.penalty`.
    """

    model_sites: Mapping[str, Site]
    guide_sites: Mapping[str, Site]
    model_parameters: Mapping[str, Tensor]
    guide_parameters: Mapping[str, Tensor]
    scales: Scales
    num_particles: int
    batch_size: int
    penalties: Mapping[str, Site] = field(default_factory=dict)
    global_model_sites: Mapping[str, Site] = field(default_factory=dict)
    global_guide_sites: Mapping[str, Site] = field(default_factory=dict)

    @property
    def scale(self) -> float | Tensor:
        """Common factor of the whole pair: a number, a scalar tensor or one weight per datum [B].

        No log-density here is multiplied by it, but where each has its own: see `scaled`.

        Raises:
            ScaleError: The sites are scaled unequally.
        """
        return self.scales.common

    @property
    def data_scale(self) -> float | Tensor:
        """The scale of the observed sites, by which the loss of a batch grows with its data.

        One where they have none in common.
        """
        observed = [site.scales[0] for site in self.model_sites.values() if site.is_observed]
        return self.scales.common_of(observed)

    def scaled(self) -> "Particles":
        """The same particles, each log-density multiplied by its site's own scale.

        The common factor is then one. Scales that are all one number stay outside.
        """
        if self.scales.is_one_number:
            return self

        def own(sites: Mapping[str, Site]) -> dict[str, Site]:
            return {name: site.scaled() for name, site in sites.items()}

        return replace(
            self,
            model_sites=own(self.model_sites),
            guide_sites=own(self.guide_sites),
            penalties=own(self.penalties),
            scales=self.scales.none(),
        )

    @cached_property
    def log_lik(self) -> Tensor:
        """log p(x|z) [K, B]: the observed sites and factors of the model."""
        return self._sum(s for s in self.model_sites.values() if s.is_observed)

    @cached_property
    def log_prior(self) -> Tensor:
        """log p(z) [K, B]: the latent sites of the model."""
        return self._sum(s for s in self.model_sites.values() if not s.is_observed)

    @cached_property
    def log_q(self) -> Tensor:
        """log q(z|x) [K, B]."""
        return self._sum(self.guide_sites.values())

    @cached_property
    def log_w(self) -> Tensor:
        """Log importance weights log p(x, z) - log q(z|x) [K, B]."""
        return self.log_lik + self.log_prior - self.log_q

    @property
    def are_one_by_one(self) -> bool:
        """Whether each of several particles was drawn in a pass of its own."""
        site = next(iter({**self.model_sites, **self.guide_sites}.values()))
        parts = site.parts if isinstance(site, JoinedSite) else (site,)
        return any(len(part.distributions) > 1 for part in parts)

    @property
    def has_global_sites(self) -> bool:
        """Whether sites are drawn once for all data, so that no datum has a bound of its own."""
        return bool(self.global_model_sites or self.global_guide_sites)

    @property
    def log_global(self) -> Tensor | float:
        """log p - log q of the global sites, each with its own scale: a scalar, nats."""
        return self.log_global_prior - self.log_global_q

    @property
    def log_global_prior(self) -> Tensor | float:
        """log p of the global sites, scaled: a scalar, nats."""
        return _scaled_sum(self.global_model_sites)

    @property
    def log_global_q(self) -> Tensor | float:
        """log q of the global sites, scaled: a scalar, nats."""
        return _scaled_sum(self.global_guide_sites)

    @property
    def total_penalty(self) -> Tensor | float:
        """What the penalties add to the loss of the batch, scaled: a scalar, nats."""
        if not self.penalties:
            return 0.0
        return (self.scale * self._sum(self.penalties.values()).mean(0)).sum()

    @property
    def latents(self) -> dict[str, Tensor]:
        """What the guide drew, by site [K, B, ...]."""
        return {name: site.value for name, site in self.guide_sites.items()}

    def _sum(self, sites: Iterable[Site]) -> Tensor:
        total: Tensor | None = None
        for site in sites:
            total = site.log_prob if total is None else total + site.log_prob
        if total is None:
            some = next(iter({**self.model_sites, **self.guide_sites}.values()))
            total = torch.zeros_like(some.log_prob)
        return total


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
    for one, *others in (guide_sites, model_sites):
        for other in others:
            if other.keys() != one.keys():
                raise SiteError(
                    f"one particle visits the sites {sorted(one)} and another {sorted(other)}; "
                    "estimators per datum need the same sites in every particle"
                )
    penalties = _penalties(guide_sites[0], model_sites[0])
    every = [("guide", n, s) for n, s in guide_sites[0].items()]
    every += [("model", n, s) for n, s in model_sites[0].items()]
    shared = outside_plate(every, batch_plate)
    local = [named for named in every if named[1] not in shared]
    batch_dim, batch_size = batch_axis(local, batch_plate)
    rank = nesting(m for _, _, m in every) if particle_dim is None else -particle_dim
    if rank < nesting(m for _, _, m in every):
        raise PlateError(
            f"the plates of the pair occupy {nesting(m for _, _, m in every)} batch dims, and "
            f"max_plate_nesting leaves room for {rank - 1}; leave it out, or raise it"
        )
    for name in guide_sites[0].keys() & model_sites[0].keys():
        _check_shapes(name, model_sites[0][name]["fn"], guide_sites[0][name]["fn"], particle_dim)
    for name, site in model_sites[0].items():
        if site["is_observed"]:
            _check_observed(name, site)
    layout = Layout(particle_dim, batch_dim, rank, batch_size)
    once = Layout(None, None, rank, 1)
    guide_recording, model_recording = recordings[0]
    drawn, scored_by_model = (
        {
            n: _site(n, [traces[0][n]], once)
            if n in shared
            else _site(n, [t[n] for t in traces], layout)
            for n in traces[0]
        }
        for traces in (guide_sites, model_sites)
    )
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


def _scaled_sum(sites: Mapping[str, Site]) -> Tensor | float:
    total: Tensor | float = 0.0
    for site in sites.values():
        total = total + site.scaled().log_prob.sum()
    return total


def with_scales(p: Particles, use: ScaleUse) -> Particles:
    """Particles whose scales are used as `draw` says.

    Raises:
        ScaleError: One scale is asked for, and there is none.
    """
    if use == "common":
        _ = p.scale
    return p.scaled() if use == "own" else p


def scored(p: Particles) -> Particles:
    """The same particles, each site with its log-density and without what only gave it."""
    apart = any(site.needs_score for site in p.guide_sites.values())

    def of(sites: Mapping[str, Site]) -> dict[str, Site]:
        return {name: site.scored(by_plates=apart) for name, site in sites.items()}

    return replace(
        p,
        model_sites=of(p.model_sites),
        guide_sites=of(p.guide_sites),
        penalties=of(p.penalties),
    )


def joined(parts: list[Particles]) -> Particles:
    """Particles of the same data, one group after the other."""

    def of_all(groups: list[Mapping[str, Site]]) -> dict[str, Site]:
        return {n: JoinedSite.of(tuple(group[n] for group in groups)) for n in groups[0]}

    return replace(
        parts[0],
        model_sites=of_all([p.model_sites for p in parts]),
        guide_sites=of_all([p.guide_sites for p in parts]),
        penalties=of_all([p.penalties for p in parts]),
        num_particles=sum(p.num_particles for p in parts),
    )


def with_guide(p: Particles, recordings: list[Recording]) -> Particles:
    """The same particles, with the guide as it was recorded anew at their values."""
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


def _penalties(guide_sites: dict[str, Any], model_sites: dict[str, Any]) -> list[str]:
    def of(sites: dict[str, Any]) -> list[str]:
        return [name for name, site in sites.items() if (site["infer"] or {}).get("is_penalty")]

    if misplaced := of(model_sites):
        raise SiteError(
            f"the model has `pyrovae.penalty('{misplaced[0]}', ...)`, which would count as a part "
            "of log p(x, z); write it in the guide, or `pyro.factor` where it is meant to count"
        )
    return of(guide_sites)


def missing_latent(name: str) -> SiteError:
    """What to raise where the guide lacks a latent of the model."""
    return SiteError(
        f"the model samples '{name}', and the guide does not; sample it in the guide too, or "
        "observe it with obs="
    )


def check_match(model_sites: dict[str, Any], guide_sites: dict[str, Any]) -> None:
    """Check that model and guide sample the same latents."""
    for name, site in model_sites.items():
        if not site["is_observed"] and name not in guide_sites:
            raise missing_latent(name)
    for name, site in guide_sites.items():
        if isinstance(site["fn"], Unit) and "has_rsample" not in vars(site["fn"]):
            raise SiteError(
                f"the guide has `pyro.factor('{name}', ...)` and does not say how it was drawn; "
                "pass has_rsample=True if by a reparameterised sampler, else has_rsample=False"
            )
        partner = model_sites.get(name)
        if site["is_observed"] and partner is not None:
            raise SiteError(
                f"the guide observes '{name}', which is a site of the model too, and its density "
                "would cancel out; observe it in the model only (a messenger guide such as "
                "AutoNormalMessenger runs the model inside itself: use AutoNormal and the like)"
            )
        if site["is_observed"] or site["infer"].get("is_auxiliary"):
            continue
        if partner is None or partner["is_observed"]:
            raise SiteError(
                f"the guide samples '{name}', and the model does not; sample it in the model too, "
                "or mark it infer={'is_auxiliary': True} in the guide"
            )


def _check_observed(name: str, site: dict[str, Any]) -> None:
    """One number must not stand for all dims of a datum.

    Raises:
        ShapeError: It does.
    """
    fn, value = site["fn"], site["value"]
    needed, given = list(fn.event_shape), list(value.shape[value.dim() - fn.event_dim :])
    if any(there == 1 < here for here, there in zip(needed, given, strict=True)):
        raise ShapeError(
            f"site '{name}' of the model has the event shape {needed}, and what is observed there "
            f"is {given}, which would count for all of its entries; give a tensor [..., "
            f"{', '.join(map(str, needed))}]"
        )


def _check_shapes(name: str, of_model: Any, of_guide: Any, particle_dim: int | None) -> None:  # noqa: ANN401
    """A draw of the guide must be one of the model: else its density would broadcast.

    Raises:
        ShapeError: It is of another shape.
    """
    pair = (of_model, of_guide)
    batch_shapes = [list(fn.batch_shape) for fn in pair]
    if particle_dim is not None:  # a replayed site is not expanded over particles
        batch_shapes = [
            shape[particle_dim + 1 :] if particle_dim < -1 else [] for shape in batch_shapes
        ]
    rank = max(map(len, batch_shapes))  # dims of size one may be left out
    batch_shapes = [[1] * (rank - len(shape)) + shape for shape in batch_shapes]
    event_shapes = [list(fn.event_shape) for fn in pair]
    for kind, (here, there) in (("event", event_shapes), ("batch", batch_shapes)):
        if here != there:
            raise ShapeError(
                f"latent '{name}' has the {kind} shape {here} in the model and {there} in the "
                "guide, so that a draw of the guide is none of the model; give both the same "
                "size, the same `.to_event(n)` and the same plates"
            )
