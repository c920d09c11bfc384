"""Bounds of any objective on one batch, beside log p(x) and the weights behind them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import pyro
import torch
from pyro.infer import ELBO as PyroELBO
from torch import Tensor, nan

from ..data.base import mix_seed
from ..errors import PlateError, PyrovaeError, ShapeError
from ..math import MIN_PARTICLES_PARETO, effective_sample_size, pareto_k
from ..objectives import ParticleELBO
from ..particles import draw
from ..tracing import Program, own_parameters, undisturbed
from ..train.measure import Share, batch_plate_of, first_loss
from .evidence import log_evidence

_WEIGHT_DRAWS = 10  # of K particles each, for ESS and k-hat
_BOUNDS, _WEIGHTS = 0, 1  # streams of one seed


@dataclass(frozen=True)
class Subject:
    """A pair and its batch, and how often to draw."""

    model: Program
    guide: Program
    data: tuple[Tensor, ...]
    args: tuple[Any, ...]
    num_draws: int
    seed: int

    @property
    def batch(self) -> tuple[Any, ...]:
        return (*self.data, *self.args)

    @property
    def call(self) -> tuple[Any, ...]:
        return (self.model, self.guide, *self.batch)

    @property
    def device(self) -> torch.device:
        return self.data[0].device

    def repeat(self, stream: int, count: int, measure: Callable[[], Any]) -> list[Any]:
        """Call it under seeds that are the same for every objective, without a trace left."""
        found = []
        with undisturbed(), own_parameters(), torch.no_grad():
            for index in range(count):
                pyro.set_rng_seed(mix_seed(self.seed, stream, index) % 2**32)
                found.append(measure())
        return found


@dataclass(frozen=True)
class Truth:
    """log p(x), a mean over the data, with its standard error and where it comes from."""

    value: float
    error: float
    source: str


def truth_of(subject: Subject, given: Tensor | None, source: str, particles: int) -> Truth:
    """What is given, or an estimate by importance sampling, or neither, and why."""
    if given is not None:
        if given.shape != (len(subject.data[0]),):
            raise ShapeError(
                f"compare got log_px of shape {list(given.shape)} for {len(subject.data[0])} "
                "data; give one value per datum"
            )
        return Truth(float(given.detach().double().mean()), 0.0, source)
    try:
        found = log_evidence(
            subject.model,
            subject.guide,
            subject.data,
            *subject.args,
            num_particles=particles,
            seed=subject.seed,
        )
    except PlateError as error:
        return Truth(nan, nan, f"unknown: {error}")
    worst = found.summary()["k_hat_median"]
    words = f"importance sampling, K = {particles}, median k-hat {worst:.2f}"
    words += ": not to be trusted" if worst > 0.7 else ""
    return Truth(found.mean(), found.monte_carlo_error(), words)


def bound_of(objective: PyroELBO, subject: Subject) -> dict[str, float]:
    """Mean over draws and data, and its two errors."""
    if isinstance(objective, ParticleELBO):
        values = subject.repeat(
            _BOUNDS, subject.num_draws, lambda: objective.per_datum(*subject.call)
        )
        per_datum = torch.stack(values).double().cpu()  # [draws, B]
        over_data = nan
        if per_datum.shape[1] == len(subject.data[0]) > 1:
            over_data = float(per_datum.mean(0).std()) / per_datum.shape[1] ** 0.5
        means = per_datum.mean(1)
    else:
        share = Share(subject.model, subject.guide, batch_plate_of(objective))
        scale, rows = share(subject.batch)

        def loss() -> Tensor:
            value = first_loss(cast(Any, objective).loss(*subject.call))
            return torch.as_tensor(value).detach().cpu().double()

        losses = torch.stack(subject.repeat(_BOUNDS, subject.num_draws, loss))
        means, over_data = -losses / (float(scale) * rows), nan
    return {
        "bound": float(means.mean()),
        "bound_error": over_data,
        "bound_monte_carlo_error": float(means.std()) / len(means) ** 0.5,
    }


def weights_of(objective: PyroELBO, subject: Subject) -> dict[str, float]:
    """Medians over data of ESS and k-hat; NaN where the pair gives no weights per datum."""

    def log_w() -> Tensor:
        if isinstance(objective, ParticleELBO):
            return objective.draw(*subject.call).log_w.double()
        return draw(*subject.call, num_particles=objective.num_particles).log_w.double()

    try:
        weights = subject.repeat(_WEIGHTS, _WEIGHT_DRAWS, log_w)
    except PyrovaeError:
        return {"ess": nan, "k_hat": nan}
    ess = torch.stack([effective_sample_size(w) for w in weights]).mean(0).median()
    enough = weights[0].shape[0] >= MIN_PARTICLES_PARETO
    k_hat = torch.stack([pareto_k(w) for w in weights]).mean(0).median() if enough else nan
    return {"ess": float(ess), "k_hat": float(k_hat)}
