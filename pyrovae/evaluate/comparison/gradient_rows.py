"""The gradients of one objective after another, as columns of a comparison."""

import math
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any

from torch import nan

from ...objectives.objective import Objective
from ..gradients.gradients import Reference, estimator_of
from ..gradients.statistics import GradientStatistics
from .bounds import Subject
from .effort import FEWEST, Effort
from .gradient_draws import Drawing, PairGradients, Told, needed_for_precision
from .moments_by_draw import MomentsByDraw
from .references import References, Target

_DRAWS = 0  # stream of the seed
_LENGTH = 2.0  # of a reference over its error, in units of what draws show
_FIGURES = {
    "parameters": nan, "variance": nan, "variance_median": nan, "snr": nan, "snr_floor": nan,
    "snr_is_noise": False, "directional_snr": nan, "max_z": nan, "is_biased": False,
    "variance_error": nan, "snr_error": nan, "directional_snr_error": nan,
    "variance_x_ms": nan,
}  # fmt: skip


@dataclass(frozen=True)
class GradientColumns:
    """What a row says of the gradients of its objective.

    Attributes:
        columns: By name.
        shortages: What is not as precise as it should be, with the number of draws.
        is_whole: Whether no interrupt came before the last draw.
    """

    columns: Mapping[str, Any]
    shortages: tuple[str, ...] = ()
    is_whole: bool = True


class GradientRows:
    """Draws the gradients of objectives, row by row.

    Args:
        objectives: By name.
        references: As given, by name.
        subject: The pair and its batch.
        effort: How much to draw.
        vectorize_particles: Of the references that are objectives.
    """

    def __init__(
        self,
        objectives: Mapping[str, Objective],
        references: Mapping[str, Reference],
        subject: Subject,
        effort: Effort,
        vectorize_particles: bool,
    ) -> None:
        self._objectives, self._effort, self._subject = objectives, effort, subject
        self._pair = PairGradients(subject)
        self._make = lambda: References(
            self._pair, objectives, references, effort, vectorize_particles
        )
        self._references: References | None = None

    def unknown(self) -> GradientColumns:
        """The columns of a row whose gradients were not drawn."""
        groups = self._pair.groups
        columns: dict[str, Any] = {f"{g}_{n}": v for g in groups for n, v in _FIGURES.items()}
        columns |= {"reference": "", "gradient_draws": 0, "reference_draws": 0}
        return GradientColumns(columns, (), is_whole=False)

    def measure(
        self, name: str, milliseconds: float, seconds: float, told: Told
    ) -> GradientColumns:
        """The columns of a row; those of fewer draws where an interrupt comes after two.

        Args:
            name: Of the objective; each is measured once.
            milliseconds: Of a step, for variances at equal time.
            seconds: What draws and reference may take, beyond the fewest.
            told: Is told how far it is.
        """
        objective, call = copy(self._objectives[name]), self._subject.call
        began = perf_counter()
        with self._subject.with_gradient():
            self._references = self._references or self._make()
            source = self._pair.source(estimator_of(objective, call), f"the gradient of {name}")

            def run_of(target: Target) -> Drawing:
                direction = target.gradient.to(self._pair.leaves.device)
                return Drawing(self._pair, source, _DRAWS, direction)

            target = self._references.of(name, seconds / 2, lambda share: told(share / 4))
            run, why, is_whole = run_of(target), "", True
            try:
                if self._effort.of_reference is None and target.draws:
                    run.until(FEWEST, 0.0, needed_for_precision, lambda _: told(1 / 4))
                    wanted = needed_for_direction(run.moments, target)
                    if wanted > target.draws:
                        target = self._references.of(
                            name, seconds / 2, lambda share: told((1 + share) / 4), wanted
                        )
                        run = run_of(target)
                left = seconds - (perf_counter() - began)
                why = run.until(
                    self._effort.draws, left, needed_for_precision,
                    lambda share: told((1 + share) / 2),
                )  # fmt: skip
            except KeyboardInterrupt:
                if run.moments.count < 2:
                    raise
                is_whole = False
            self._references.release(name)
        columns = self._columns(run.moments, target, milliseconds)
        shortages = [(target.shortage, "reference"), (why, "gradient")]
        found = tuple(f"{what}: {short}" for short, what in shortages if short)
        return GradientColumns(columns, found, is_whole)

    def _columns(
        self, moments: MomentsByDraw, target: Target, milliseconds: float
    ) -> dict[str, Any]:
        groups, by_name = self._pair.groups, self._pair.by_name
        directional = dict(zip(groups, moments.directional_snr, strict=True))
        relative = dict(zip(groups, moments.variance_error, strict=True))
        lengths = dict(zip(groups, target.lengths, strict=True))
        statistics = GradientStatistics(
            mean=by_name(moments.mean),
            variance=by_name(moments.variance),
            reference=by_name(target.gradient),
            reference_error=by_name(target.error),
            reference_name=target.name,
            directional_snr={group: ratio for group, (ratio, _) in directional.items()},
            groups=groups,
            num_draws=moments.count,
            milliseconds=median(moments.milliseconds),
        )
        columns: dict[str, Any] = {}
        for group, figures in statistics.summary().items():
            errors = {
                "variance_error": relative[group] * figures["variance"],
                "snr_error": figures["snr"] * _ratio_error(relative[group], figures),
                "directional_snr_error": math.hypot(
                    directional[group][1], _shortfall(directional[group][0], lengths[group])
                ),
                "variance_x_ms": figures["variance"] * milliseconds,
            }
            columns |= {f"{group}_{key}": value for key, value in {**figures, **errors}.items()}
        return columns | {
            "reference": target.name,
            "gradient_draws": moments.count,
            "reference_draws": target.draws,
        }


def _ratio_error(relative: float, figures: Mapping[str, Any]) -> float:
    """Relative error of a median signal-to-noise ratio: of the variance, and of the reference.

    Noise of the reference makes the median too large: by 1 - sqrt(1 - r^2), r the floor over the
    ratio, where the signals of the coordinates are normal, and by some twice as much with the
    heavier tails that they have.
    """
    noise = figures["snr_floor"] / figures["snr"] if figures["snr"] > 0 else nan
    return math.hypot(relative / 2, 1 - math.sqrt(max(0.0, 1 - 2 * noise**2)))


def needed_for_direction(moments: MomentsByDraw, target: Target) -> float:
    """Draws of a reference after which its direction is known better than draws follow it.

    A ratio of lengths along and across it, d, is found as the root of 1 / (1/d^2 + 1/r^2), where
    r is the ratio of the reference's own length to its error's. With r = 2 d that is 11 % less.
    """
    need = 0.0
    for (seen, _), length in zip(moments.directional_snr, target.lengths, strict=True):
        if seen > 0 and math.isfinite(length):
            inverse = 1 / seen**2 - 1 / length**2
            ratio = _LENGTH / length / math.sqrt(inverse) if inverse > 0 else math.inf
            need = max(need, target.draws * ratio**2)
    return need


def _shortfall(seen: float, length: float) -> float:
    """By how much a ratio along and across a reference is too small, at most; see above."""
    inverse = 1 / seen**2 - 1 / length**2 if seen > 0 else nan
    return (1 / math.sqrt(inverse) if inverse > 0 else math.inf) - seen if seen > 0 else 0.0
