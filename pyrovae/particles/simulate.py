"""Draw data, and latents, from a model."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ..errors import SiteError
from .assembly import assemble
from .handlers import Program, Trace, without_observations
from .layout import Layout
from .particles import Particles
from .plates import batch_axis, nesting
from .substitution import replace_observation
from .traces import recordings, sample_sites
from .tracing import Pair, record


def dream(
    model: Program,
    guide: Program,
    *args: Any,  # noqa: ANN401
    batch_plate: str | None = "auto",
    **kwargs: Any,  # noqa: ANN401
) -> Particles:
    """Draw latents and data from the model, and score the latents under the guide.

    This is the sleep phase of wake-sleep. The data arguments say how many data to make, and the
    guide is called with the drawn data in place of them. No gradient flows into the draws, and
    none reaches the model.

    Returns:
        One particle for each datum.

    Raises:
        SiteError: The model cannot be drawn from, the guide has latents of its own, or what the
            model observes is not one of the tensors in the arguments (nor a view of one).
    """
    traces = _dream_traces(Pair(model, guide, args, kwargs))
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
        model: Pyro model. Its data arguments only determine how many data to draw.
        guide: Where given, latents are drawn from q(z|x) of the data in the arguments.
        mean: Return the mean of each observed site's distribution instead of a draw; of codes,
            which have none, the likeliest.

    Returns:
        A draw for each observed site, by name [B, ...].
    """
    drawn = None if guide is None else record(guide, args, kwargs)
    made = record(without_observations(model), args, kwargs, replay=drawn)
    return {
        name: _mean_of(node["fn"]) if mean else node["value"]
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
        Latents by site, arranged as `Particles.latents` [1, B, ...], and a draw for each observed
        site, as in `simulate`.

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


def _mean_of(fn: Any) -> Tensor:  # noqa: ANN401
    made = fn.likeliest if getattr(fn, "are_codes", False) else fn.mean
    found: Tensor = made() if callable(made) else made
    return found


def _dream_traces(pair: Pair) -> tuple[Trace, Trace]:
    """Trace the model with its observations removed, then the guide on the data so drawn."""
    own = pair.own_parameters()
    with torch.no_grad():
        model_trace = pair.run(without_observations(pair.model), 1, 0, None, own)
    batch = (pair.args, pair.kwargs)
    for name, node in sample_sites(model_trace).items():
        if node["infer"].get("was_observed"):
            node["is_observed"] = True
            batch = replace_observation(batch, name, node)
    dreamt = replace(pair, args=batch[0], kwargs=batch[1])
    guide_trace = dreamt.run(pair.guide, 1, 0, model_trace, own)
    for name in sample_sites(guide_trace):
        if name not in model_trace.nodes:
            raise SiteError(
                f"the guide samples '{name}', of which a dream of the model has no value; "
                "leave the sleep phase out, or write a guide without auxiliary sites"
            )
    return guide_trace, model_trace
