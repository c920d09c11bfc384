"""The importance weights of an objective: effective sample size and k-hat."""

import torch
from torch import Tensor, nan

from ...errors import PyrovaeError
from ...math import MIN_PARTICLES_PARETO, effective_sample_size, pareto_k, pareto_k_limit
from ...objectives.objective import Objective
from .bounds import Subject

_LEAST_DRAWS, _POOL = 10, 1000  # draws of K, and weights per datum that are enough for k-hat
_WEIGHTS = 1  # which stream of the seed; the bounds have another


def weights_of(objective: Objective, subject: Subject) -> dict[str, float]:
    """Medians over data of ESS and k-hat; NaN where the pair gives no weights per datum.

    ESS is that of the objective's own K particles. k-hat is a property of the pair, so it is
    estimated from the weights of all draws of a datum together, a thousand where draws suffice:
    "k_hat_weights" is their number, and "k_hat_limit" the largest k-hat at which they suffice.
    """
    wanted = max(_LEAST_DRAWS, -(-_POOL // objective.num_particles))
    is_whole = True

    def log_w() -> Tensor:
        nonlocal is_whole
        p = objective.draw(*subject.call)
        is_whole &= objective.batch_plate is None or p.batch_size == len(subject.data[0])
        return p.log_w.double()

    try:
        draws = subject.repeat(_WEIGHTS, min(wanted, subject.num_draws), log_w)
    except PyrovaeError:
        return {"ess": nan, "k_hat": nan, "k_hat_weights": nan, "k_hat_limit": nan}
    ess = torch.stack([effective_sample_size(w) for w in draws]).mean(0).median()
    # A pair that draws its own subsample has other data in every draw, which cannot be pooled.
    pool = torch.cat(draws) if is_whole else draws[0]
    enough = len(pool) >= MIN_PARTICLES_PARETO
    return {
        "ess": float(ess),
        "k_hat": float(pareto_k(pool).nanmedian()) if enough else nan,
        "k_hat_weights": float(len(pool)) if enough else nan,
        "k_hat_limit": pareto_k_limit(len(pool)) if enough else nan,
    }
