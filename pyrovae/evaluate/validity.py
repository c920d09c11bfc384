"""Whether the weights of a pair can estimate the evidence p(x)."""

from typing import Any

import torch
from torch import Tensor

from ..errors import ConfigError
from ..particles import Particles, draw
from ..particles.argument_types import argument_types
from ..particles.device import to_device_of
from ..particles.isolation import isolated
from ..particles.modes import Mode, in_mode
from ..particles.pair import takes_pair
from ..particles.site import Site
from ..particles.tracing import Program
from .inputs import Inputs


@takes_pair
def why_no_evidence(
    model: Program,
    guide: Program,
    *args: Any,  # noqa: ANN401 (whatever the pair takes)
    mode: Mode = "evaluation",
    **kwargs: Any,  # noqa: ANN401
) -> str | None:
    """Why the weights of a pair cannot estimate p(x), in words; None where they can.

    Args:
        model: Pyro model.
        guide: Pyro guide.
        args: What the pair takes. The data come first, and may be of any kind: see
            `SweepOptions`.
        mode: Of the pair's networks; see `SweepOptions`.
        kwargs: What else the pair, or `pyrovae.draw`, takes.

    Example:
        >>> from pyrovae.models import Autoencoder
        >>> pair = Autoencoder((4,), 2)
        >>> why_no_evidence(pair.model, pair.guide, torch.zeros(3, 4))
        "the prior of 'z' is improper, so that there is no p(x)"
    """
    if args and not isinstance(args[0], Tensor | int | float | None):
        args = Inputs.of(args[0], args[1:]).all
    with isolated(), in_mode(mode, model, guide), torch.no_grad():
        args = to_device_of(model, guide, args)
        args = argument_types(model, guide, args)(args)
        return reason_against(draw(model, guide, *args, scales="ignored", **kwargs))


def reason_against(p: Particles) -> str | None:
    """Why the weights of these particles cannot estimate p(x); None where they can."""
    for name, site in p.model_sites.items():
        if not site.is_observed and site.kind == "ImproperUniform":
            return f"the prior of '{name}' is improper, so that there is no p(x)"
    sites = p.guide_sites.items()
    latents = {n: s for n, s in sites if not s.is_observed and s.has_density}
    # A point may be what an auxiliary site drew, and then has the density of that draw.
    follows_a_draw = any(s.is_auxiliary and s.kind != "Delta" for s in latents.values())
    points = [n for n, s in latents.items() if s.kind == "Delta" and n in p.model_sites]
    points = [name for name in points if _is_continuous(p.model_sites[name])]
    if points and not follows_a_draw:
        return (
            f"the guide is a point mass at '{points[0]}', whose density is infinite, so that its "
            "weights estimate nothing and the ELBO bounds nothing"
        )
    return None


def check_weights(p: Particles, where: str) -> None:
    """Refuse particles whose weights cannot estimate p(x).

    Raises:
        ConfigError: They cannot; `where` names the measurement.
    """
    if (why := reason_against(p)) is not None:
        raise ConfigError(
            f"{where}: {why}; measure the reconstruction with `elbo_parts`, or take a model with "
            "a proper prior and a guide that draws"
        )


def _is_continuous(site: Site) -> bool:
    """Whether a prior has a density over a continuum: it is neither discrete nor a point mass."""
    if site.kind == "Delta":
        return False
    try:
        return not site.distributions[0].support.is_discrete
    except NotImplementedError:  # of a distribution that does not state its support
        return True
