"""What keeps a pair from having an evidence that its guide could estimate."""

from typing import Any

import torch

from ..errors import ConfigError
from ..particles import Particles, draw
from ..particles.isolation import isolated
from ..particles.modes import Mode, in_mode
from ..particles.site import Site
from ..particles.tracing import Program


def why_no_evidence(
    model: Program,
    guide: Program,
    *args: Any,  # noqa: ANN401 (whatever the pair takes)
    mode: Mode = "evaluation",
    **kwargs: Any,  # noqa: ANN401
) -> str | None:
    """Why weights of this pair say nothing of p(x), in words; None where they do.

    Of the pair in evaluation mode, or with `mode="as is"` in the mode that its networks are in.

    Example:
        >>> from pyrovae.models import Autoencoder
        >>> pair = Autoencoder((4,), 2)
        >>> why_no_evidence(pair.model, pair.guide, torch.zeros(3, 4))
        "the prior of 'z' is improper, so that there is no p(x)"
    """
    with isolated(), in_mode(mode, model, guide), torch.no_grad():
        return obstacle(draw(model, guide, *args, scales="ignored", **kwargs))


def obstacle(p: Particles) -> str | None:
    """The same of particles that are drawn already."""
    for name, site in p.model_sites.items():
        if not site.is_observed and site.kind == "ImproperUniform":
            return f"the prior of '{name}' is improper, so that there is no p(x)"
    sites = p.guide_sites.items()
    latents = {n: s for n, s in sites if not s.is_observed and s.has_density}
    # A draw of another site may be handed on to a point, which then has the density of that draw.
    handed_on = any(s.is_auxiliary and s.kind != "Delta" for s in latents.values())
    points = [n for n, s in latents.items() if s.kind == "Delta" and n in p.model_sites]
    points = [name for name in points if _has_density(p.model_sites[name])]
    if points and not handed_on:
        return (
            f"the guide is a point mass at '{points[0]}', whose density is infinite, so that its "
            "weights estimate nothing and the ELBO bounds nothing"
        )
    return None


def check_weights(p: Particles, where: str) -> None:
    """Refuse particles whose weights say nothing of p(x).

    Raises:
        ConfigError: They do not; `where` names the measurement.
    """
    if (why := obstacle(p)) is not None:
        raise ConfigError(
            f"{where}: {why}; measure the reconstruction with `elbo_parts`, or take a model with "
            "a proper prior and a guide that draws"
        )


def _has_density(site: Site) -> bool:
    """Whether a prior is spread over a continuum: not over codes, nor made of other draws."""
    if site.kind == "Delta":
        return False
    try:
        return not site.distributions[0].support.is_discrete
    except NotImplementedError:  # of a distribution that does not state its support
        return True
