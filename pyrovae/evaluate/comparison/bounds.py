"""Bounds of any objective on one batch, and on which side of log p(x) each is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyro
import torch
from torch import Tensor, nan

from ...data.base import mix_seed
from ...objectives.objective import Objective
from ...particles.isolation import isolated
from ...particles.own_parameters import own_parameters
from ...particles.tracing import Program
from ...runtime.progress import progress_bar
from ...train.loss_scale import LossScale

_BOUNDS = 0  # which stream of the seed


@dataclass(frozen=True)
class Subject:
    """What objectives are compared on: a pair and its batch, and how often to draw."""

    model: Program
    guide: Program
    data: tuple[Tensor, ...]
    args: tuple[Any, ...]
    num_draws: int
    seed: int
    progress: bool | None = False

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
        """`measure` under seeds that are the same for every objective, without side effects."""
        found = []
        bar = progress_bar(count, "draws", self.progress)
        with bar, isolated(), own_parameters(), torch.no_grad():
            for index in range(count):
                pyro.set_rng_seed(mix_seed(self.seed, stream, index) % 2**32)
                found.append(measure())
                bar.update()
        return found


def bound_of(objective: Objective, subject: Subject) -> dict[str, float]:
    """Mean over draws and data, its two errors, and in how many draws it is not finite."""
    if objective.has_bound_per_datum:
        values = subject.repeat(
            _BOUNDS, subject.num_draws, lambda: objective.per_datum(*subject.call)
        )
        per_datum = torch.stack(values).double().cpu()  # [draws, B]
        over_data = nan
        if per_datum.shape[1] == len(subject.data[0]) > 1:
            over_data = float(per_datum.mean(0).std()) / per_datum.shape[1] ** 0.5
        means = per_datum.mean(1)
    else:
        share = LossScale(subject.model, subject.guide, objective.batch_plate)
        scale, rows = share(subject.batch)

        def loss() -> Tensor:
            value = objective.bound_loss(*subject.call)
            return torch.as_tensor(value).detach().cpu().double()

        losses = torch.stack(subject.repeat(_BOUNDS, subject.num_draws, loss))
        means, over_data = -losses / (float(scale) * rows), nan
    return {
        "bound": float(means.mean()),
        "bound_error": over_data,
        "bound_monte_carlo_error": float(means.std()) / len(means) ** 0.5,
        "not_finite": int((~means.isfinite()).sum()),
    }
