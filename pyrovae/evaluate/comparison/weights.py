"""The importance weights of objectives: effective sample size and k-hat."""

from collections.abc import Hashable, Mapping

import torch
from torch import Tensor, nan

from ...errors import PyrovaeError
from ...math import MIN_PARTICLES_PARETO, effective_sample_size, pareto_k, pareto_k_limit
from ...objectives.objective import Objective
from ..seeded_draws import SeededDraws
from .bounds import WEIGHTS, Subject

_LEAST_DRAWS, _POOL = 10, 1000  # draws of K, and weights per datum that are enough for k-hat
_MOST_DRAWS = 32  # where their number is not fixed

UNKNOWN = {"ess": nan, "k_hat": nan, "k_hat_weights": nan, "k_hat_limit": nan}


def weights_of(
    objectives: Mapping[str, Objective], subject: Subject, draws: int | None
) -> dict[str, dict[str, float]]:
    """By objective, medians over data of ESS and k-hat; NaN where there are no weights per datum.

    ESS is that of the objective's own K particles. k-hat is a property of the pair, so it is
    estimated from the weights of all draws of a datum together, a thousand where draws suffice:
    "k_hat_weights" is their number, and "k_hat_limit" the largest k-hat at which they suffice.
    Objectives that draw equal particles have equal weights, which are drawn once. `draws` is how
    often they are drawn at most.
    """
    known: dict[Hashable, dict[str, float]] = {}
    found = {}
    for name, objective in objectives.items():
        key = name if objective.drawing_key is None else (objective.drawing_key,)
        if key not in known:
            known[key] = _weights(objective, subject, draws)
        found[name] = known[key]
    return found


def _weights(objective: Objective, subject: Subject, draws: int | None) -> dict[str, float]:
    wanted = max(_LEAST_DRAWS, -(-_POOL // objective.num_particles))
    is_whole = True

    def log_w() -> Tensor:
        nonlocal is_whole
        p = objective.draw(*subject.call)
        is_whole &= objective.batch_plate is None or p.batch_size == len(subject.data[0])
        return p.log_w.double()

    source = SeededDraws(log_w, name="the weights of the particles", compile=subject.compile)
    try:
        with subject.without_side_effects():
            chunks = list(source(subject.seeds(WEIGHTS, 0, min(wanted, draws or _MOST_DRAWS))))
    except PyrovaeError:
        return UNKNOWN
    log_weights = torch.cat([chunk.values for chunk in chunks])  # [draws, K, B]
    ess = torch.stack([effective_sample_size(w) for w in log_weights]).mean(0).median()
    # A pair that draws its own subsample has other data in every draw, which cannot be pooled.
    pool = log_weights.flatten(0, 1) if is_whole else log_weights[0]
    enough = len(pool) >= MIN_PARTICLES_PARETO
    return {
        "ess": float(ess),
        "k_hat": float(pareto_k(pool).nanmedian()) if enough else nan,
        "k_hat_weights": float(len(pool)) if enough else nan,
        "k_hat_limit": pareto_k_limit(len(pool)) if enough else nan,
    }
