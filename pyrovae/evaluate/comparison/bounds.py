"""Bounds of several objectives on one batch, from the same draws wherever these are equal."""

from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nan

from ...data.base import mix_seed
from ...objectives.objective import Objective
from ...particles.isolation import isolated
from ...particles.own_parameters import own_parameters
from ...particles.tracing import Program
from ...runtime.random_state import is_random_state, save_random_state, seed_generators
from ...train.loss_scale import LossScale
from ..collect import Compile
from ..seeded_draws import SeededDraws

BOUNDS, WEIGHTS = 0, 1  # streams of the seed


@dataclass(frozen=True)
class Subject:
    """What objectives are compared on: a pair and its batch, and how it is drawn."""

    model: Program
    guide: Program
    data: tuple[Tensor, ...]
    args: tuple[Any, ...] = ()
    seed: int = 0
    compile: Compile = False

    @property
    def batch(self) -> tuple[Any, ...]:
        return (*self.data, *self.args)

    @property
    def call(self) -> tuple[Any, ...]:
        return (self.model, self.guide, *self.batch)

    @property
    def device(self) -> torch.device:
        return self.data[0].device

    def seeds(self, stream: int, start: int, stop: int) -> list[int]:
        """Those of draws start, start + 1, ..., the same for every objective."""
        return [mix_seed(self.seed, stream, index) % 2**32 for index in range(start, stop)]

    @contextmanager
    def without_side_effects(self) -> Iterator[None]:
        """Within this context the pair is drawn without gradient and leaves no trace."""
        with isolated(), own_parameters(), torch.no_grad():
            yield

    @contextmanager
    def with_gradient(self) -> Iterator[None]:
        """The same with gradients."""
        with isolated(), own_parameters(), torch.enable_grad():
            yield


@dataclass(frozen=True)
class _Values:
    """The bound of one objective: a number per draw, and the sum over draws by datum."""

    means: tuple[Tensor, ...] = ()
    by_datum: Tensor | None = None  # [B], float64

    def with_draw(self, values: Tensor) -> "_Values":
        """With another draw's bounds [B], or its mean []."""
        values = values.double().cpu()
        if not values.dim():
            return _Values((*self.means, values))
        total = values if self.by_datum is None else self.by_datum + values
        return _Values((*self.means, values.mean()), total)

    def figures(self, size: int) -> dict[str, float]:
        means, over_data = torch.stack(self.means), nan
        if self.by_datum is not None and len(self.by_datum) == size > 1:
            over_data = float((self.by_datum / len(means)).std()) / size**0.5
        return {
            "bound": float(means.mean()),
            "bound_error": over_data,
            "bound_monte_carlo_error": float(means.std()) / len(means) ** 0.5,
            "not_finite": int((~means.isfinite()).sum()),
            "num_draws": len(means),
        }


class BoundDraws:
    """The bounds of objectives, draw by draw; those that draw equal particles share them.

    Args:
        objectives: By name.
        subject: The pair and its batch.
    """

    def __init__(self, objectives: Mapping[str, Objective], subject: Subject) -> None:
        self._subject = subject
        self._values = dict.fromkeys(objectives, _Values())
        self.done, self.seconds = 0, 0.0
        self._sources = [_source(group, subject) for group in groups_alike(objectives, subject)]

    def draw_to(self, total: int, on_draw: Callable[[float], None] = lambda share: None) -> None:
        """Draw until there are so many; `on_draw` is told which share of the new draws is done."""
        seeds = self._subject.seeds(BOUNDS, self.done, total)
        count = 0
        for source in self._sources:
            with self._subject.without_side_effects():
                for chunk in source(seeds):
                    for index in range(chunk.num_draws):
                        found = {name: v[index] for name, v in chunk.values.items()}
                        new = {n: self._values[n].with_draw(value) for n, value in found.items()}
                        self._values.update(new)
                    count += chunk.num_draws
                    self.seconds += 1e-3 * chunk.num_draws * chunk.milliseconds
                    on_draw(count / (len(seeds) * len(self._sources)))
        self.done = total

    def found(self) -> dict[str, dict[str, float]]:
        """Of each objective with two draws or more: its mean over draws and data, the two errors
        of that, and in how many draws it is not finite."""  # fmt: skip
        size = len(self._subject.data[0])
        return {n: v.figures(size) for n, v in self._values.items() if len(v.means) > 1}


def groups_alike(
    objectives: Mapping[str, Objective], subject: Subject
) -> list[dict[str, Objective]]:
    """The objectives in groups, whose bounds can be taken of the same particles."""
    alike: dict[Hashable, dict[str, Objective]] = {}
    for name, objective in objectives.items():
        key = objective.drawing_key if objective.has_bound_per_datum else None
        alike.setdefault(name if key is None else (key,), {})[name] = objective
    found = []
    for group in alike.values():
        alone = _with_noise_of_their_own(group, subject) if len(group) > 1 else set()
        shared = {name: one for name, one in group.items() if name not in alone}
        found += [shared] if shared else []
        found += [{name: group[name]} for name in alone]
    return found


def _with_noise_of_their_own(group: Mapping[str, Objective], subject: Subject) -> set[str]:
    """Which objectives draw random numbers after their particles."""
    found = set()
    (seed,) = subject.seeds(BOUNDS, 0, 1)
    with subject.without_side_effects():
        seed_generators(seed)
        p = next(iter(group.values())).draw(*subject.call)
        for name, objective in group.items():
            before = save_random_state()
            copy(objective).value_of(p)
            if not is_random_state(before):
                found.add(name)
    return found


def _source(group: Mapping[str, Objective], subject: Subject) -> SeededDraws[dict[str, Tensor]]:
    """Draws of the bounds of one group: [B] each, or a mean [] where there is none per datum."""
    first, *others = group.values()
    how: Any = {"compile": subject.compile}
    if not others and not first.has_bound_per_datum:
        return _source_of_mean(*next(iter(group.items())), subject, how)
    if not others:
        (name,) = group
        return SeededDraws(
            lambda: {name: first.per_datum(*subject.call)}, name=f"the bound of {name}", **how
        )

    def together() -> dict[str, Tensor]:
        p = first.draw(*subject.call)
        return {name: one.value_of(p) for name, one in group.items()}

    return SeededDraws(together, name=f"the bounds of {', '.join(group)}", **how)


def _source_of_mean(
    name: str, objective: Objective, subject: Subject, how: Mapping[str, Any]
) -> SeededDraws[dict[str, Tensor]]:
    scale, rows = LossScale(subject.model, subject.guide, objective.batch_plate)(subject.batch)
    per_loss = -1 / (float(scale) * rows)

    def mean_of(loss: Callable[..., float | Tensor]) -> Callable[[], dict[str, Tensor]]:
        def mean() -> dict[str, Tensor]:
            value = torch.as_tensor(loss(*subject.call), device=subject.device)
            return {name: per_loss * value.detach().double()}

        return mean

    return SeededDraws(
        mean_of(objective.bound_loss),
        captured=mean_of(objective.captured_bound_loss),
        name=f"the loss of {name}",
        **how,
    )


def bound_of(objective: Objective, subject: Subject, draws: int) -> dict[str, float]:
    """The bound of one objective, by so many draws."""
    drawn = BoundDraws({"": objective}, subject)
    drawn.draw_to(draws)
    return drawn.found()[""]
