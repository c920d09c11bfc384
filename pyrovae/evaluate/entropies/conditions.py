"""Whether a pair meets the conditions under which its ELBO becomes a sum of entropies."""

import pyro

from ...errors import ConfigError
from ...particles import draw
from ...particles.isolation import isolated
from ...particles.own_parameters import own_parameters
from ...runtime.grad_mode import for_gradients, gradients_on
from ..options import seed_or_fresh
from ..sweep import Sweep
from .directions import Found, directions_of
from .terms import terms_of

_ROWS, _DRAWS = 64, 6  # data and draws of each, on which directions are sought


def conditions_of(sweep: Sweep) -> dict[str, str]:
    """By site of the model, why its excess is zero at a stationary point: see `entropies`.

    Raises:
        ConfigError: It is not, of one of them.
    """
    rows = sweep.num_data if sweep.rows == sweep.num_data else min(sweep.num_data, _ROWS)
    given = sweep.arguments(slice(0, rows))
    with isolated(), sweep.networks_in_mode(), gradients_on(), own_parameters():
        pyro.set_rng_seed(seed_or_fresh(sweep.seed))
        p = draw(
            sweep.model,
            sweep.guide,
            *for_gradients(given),
            num_particles=_DRAWS,
            vectorize_particles=sweep.vectorize_particles,
            batch_plate=sweep.batch_plate,
            scales="ignored",
        )
        found = directions_of(p, terms_of(p))
    for name, each in found.items():
        if not each.is_met:
            site = p.model_sites[name]
            raise ConfigError(_why_not(name, site.kind, site.is_observed, each))
    return {name: _why(each) for name, each in found.items()}


def _why(found: Found) -> str:
    if not found.moves:
        return "its condition is met, by several parameters together"
    names = ", ".join(f"'{name.replace('$$$', '.')}'" for name in found.moves)
    return f"its condition is met, by {names}"


def _why_not(name: str, kind: str, is_observed: bool, found: Found) -> str:
    start = (
        f"entropies: the ELBO of this pair does not become a sum of entropies: no scaling of its "
        f"parameters changes the ELBO by log p + entropy of the site '{name}', a {kind} "
        f"({100 * found.left:.2g} % of it is left)"
    )
    if is_observed and not found.depends:
        return (
            f"{start}. Its entropy depends on no parameter; learn its scale, as "
            "nn.LearnedNormal() does"
        )
    if is_observed:
        return (
            f"{start}. It needs a constant base measure (that of counts is not) and natural "
            "parameters that can be multiplied by a common factor; take nn.LearnedNormal() or "
            "nn.Bernoulli() after an affine layer"
        )
    if not found.depends:
        return (
            f"{start}. It is fixed, and needs an encoder and a decoder that can scale z and undo "
            "it: affine layers at the encoder's end and at the decoder's start, and a scale that "
            "is an exponential; or learn it, as models.priors.NormalPrior does"
        )
    return (
        f"{start}. It needs natural parameters that can be multiplied by a common factor, as "
        "those of a normal distribution whose scale is the exponential of an affine layer"
    )
