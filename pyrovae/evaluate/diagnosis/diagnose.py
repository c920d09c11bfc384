"""Find what is wrong with a trained pair."""

from collections.abc import Mapping, Sequence
from typing import Any, Unpack

from ...errors import DataError, SiteError
from ...particles.pair import takes_pair
from ...particles.tracing import Program
from ..inputs import Data
from ..latents.active_units import ActiveUnits, active_units
from ..latents.elbo_parts import ELBOParts, elbo_parts
from ..options import SweepOptions
from ..sweep import sweep_over, sweeps
from .diagnosis import Diagnosis
from .information import information_of
from .learning import verdicts_of_training
from .observation import Observation
from .observe import observe
from .pair_verdicts import causes_of_collapse, verdicts_of_aggregate, verdicts_of_noise
from .site_findings import data_variance, findings_of
from .site_verdicts import verdict_of_site

_WORST_FIRST = ("fault", "warning", "fine")


@takes_pair
@sweeps
def diagnose(
    model: Program,
    guide: Program,
    x: Data,
    *args: Any,  # noqa: ANN401 (whatever the pair takes)
    history: Sequence[Mapping[str, Any]] | None = None,
    num_particles: int = 10,
    **options: Unpack[SweepOptions],
) -> Diagnosis:
    """Say whether the latents of a pair are used, and what else is wrong, with remedies.

    A latent is used if it costs nats (its KL), if the guide gives it to different data
    differently, and if the model loses something when it is drawn from its prior instead. These
    are three questions: free bits can hold up a KL that brings nothing. Measure on held-out data
    that are like those of the training. A verdict rests on differences of more than three
    standard errors over the data; with fewer than about 100 data little can be told.

    Args:
        model: Pyro model p(z)p(x|z), called as `model(x, *args)`.
        guide: Pyro guide q(z|x), called likewise.
        x: Data [N, ...] of any kind, N >= 2: see `SweepOptions`.
        history: Of the training (`Run.history`): how the KL of each latent went, whether the
            training broke down, overfitted or ended early.
        num_particles: K, draws per datum.
        options: `chunk`, `rows`, `seed`, ...: see `SweepOptions`.

    Raises:
        DataError: There is one datum only.
        PlateError: `batch_plate` is None, so that there is no datum by itself.
        SiteError: The guide has no latents.

    Source:
        Don't Blame the ELBO! A Linear VAE Perspective on Posterior Collapse (Lucas et al., 2019),
        https://arxiv.org/abs/1911.02469; units: Burda et al. (2016), sec. 5.2,
        https://arxiv.org/abs/1509.00519; information: Hoffman & Johnson (2016),
        http://approximateinference.org/accepted/HoffmanJohnson2016.pdf

    Example:
        >>> from pyrovae.data.synthetic import LinearGaussian
        >>> oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> found = diagnose(oracle.model, oracle.guide, oracle.sample(100, seed=1), seed=2)
        >>> found.severity, found["z"].num_used
        ('fine', 2)
    """
    sweep = sweep_over(model, guide, x, args, 1, options)
    sweep.check_data_are_apart("what latents say about data, measured")
    if sweep.num_data < 2:
        raise DataError("diagnose got one datum, and compares the latents of several")
    same: SweepOptions = {**options, "columns": None, "transform": None}
    call = (model, guide, sweep.inputs.source, *sweep.inputs.rest)
    parts = elbo_parts(*call, num_particles=num_particles, **same)
    if not parts.kl_by_site:
        raise SiteError("the guide samples no latents, so there is nothing to diagnose")
    active = _active(call, max(2, num_particles), same)
    seen = observe(sweep, num_particles)
    sites = tuple(
        findings_of(name, parts, active, seen) for name in _latents_of(parts.kl_by_site, seen)
    )
    noise = verdicts_of_noise(seen)
    causes = causes_of_collapse(noise)
    verdicts = [verdict_of_site(s, history, causes, len(sites) > 1) for s in sites]
    verdicts += noise + verdicts_of_aggregate(sites) + verdicts_of_training(history or ())
    return Diagnosis(
        verdicts=tuple(sorted(verdicts, key=lambda v: _WORST_FIRST.index(v.severity))),
        sites=sites,
        parts=parts,
        information=information_of(sweep, num_particles, same, _why_no_information(parts, seen)),
        explained=_explained(seen),
        history=tuple(history or ()),
        num_data=sweep.num_data,
        refusal=seen.refusal,
    )


def _latents_of(names: Mapping[str, Any], seen: Observation) -> list[str]:
    """The sites of the guide that are latents of the model."""
    return [name for name in names if ("kind", name) in seen.facts]


def _why_no_information(parts: ELBOParts, seen: Observation) -> str:
    """Why the densities of the guide say nothing; empty where they may."""
    for name, route in parts.routes.items():
        if "point mass" in route:
            return f"the guide gives '{name}' one value for each datum"
    for name in seen.facts.get(("penalties", ""), ()):
        return f"the guide adds '{name}' to the loss, beside its latents"
    return ""


def _active(
    call: tuple[Any, ...], num_particles: int, options: SweepOptions
) -> ActiveUnits | None:
    try:
        return active_units(*call, num_particles=num_particles, **options)
    except SiteError:  # of latents that have no mean
        return None


def _explained(seen: Observation) -> float | None:
    """One minus the mean squared error over the variance of the data."""
    errors = [float(value) for (what, _), value in seen.sums.items() if what == "error"]
    variance = data_variance(seen)
    return None if not errors or variance <= 0 else 1 - sum(errors) / seen.draws / variance
