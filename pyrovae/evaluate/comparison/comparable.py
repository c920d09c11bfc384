"""Objectives made comparable: equal particles, or equal decoder evaluations."""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any

from pyro.infer import ELBO as PyroELBO

from ...errors import ConfigError, PyrovaeError, first_line
from ...objectives.objective import Objective
from ...objectives.pyro_loss import as_objective
from ...particles.parameters import trainable
from ..compared_objectives import unique_names
from ..gradients.draws import Leaves
from .cost import decoder_evaluations

_REFUSALS = (PyrovaeError, AttributeError, ValueError, RuntimeError, ArithmeticError)


@dataclass(frozen=True)
class Fitted:
    """An objective as a comparison runs it.

    Attributes:
        objective: A copy, with other particles where that was asked for.
        evaluations: Decoder evaluations per datum and step, counted.
        comparable: Whether it has what all rows should have.
        note: Why not.
    """

    objective: Objective
    evaluations: float
    comparable: bool
    note: str

    @property
    def particles(self) -> int:
        """K."""
        return self.objective.num_particles


def fit_particles(
    objectives: Sequence[PyroELBO] | Mapping[str, PyroELBO],
    call: tuple[Any, ...],
    wanted: int | None,
    equal: str,
) -> dict[str, Fitted]:
    """Copies of the objectives by name, with `wanted` particles or evaluations where they can.

    Args:
        objectives: By name, or in order.
        call: Model, guide and the batch.
        wanted: How many; None is what the first objective has, and changes none.
        equal: "K" or "decoder evaluations".
    """
    every = list(objectives.values() if isinstance(objectives, Mapping) else objectives)
    for objective in every:
        if not isinstance(objective, PyroELBO):
            raise ConfigError(
                f"compare: {objective!r} is no objective; give instances of a pyro.infer.ELBO, "
                "such as pyrovae.objectives.IWAE(5)"
            )
    if not every:
        raise ConfigError("compare: there are no objectives; give one or more")
    if wanted is not None and wanted < 1:
        raise ConfigError(f"compare: num_particles={wanted}, needs one or more")
    with Leaves(list(trainable(*call).values())).kept_grads():
        fitted = [_fit(as_objective(one), call, wanted, equal) for one in every]
    names = (
        list(objectives)
        if isinstance(objectives, Mapping)
        else unique_names([one.objective for one in fitted])
    )
    found = dict(zip(names, fitted, strict=True))
    first = next(iter(found.values()))
    goal = wanted or (first.particles if equal == "K" else first.evaluations)
    return {name: _judged(one, goal, equal, wanted) for name, one in found.items()}


def rows_at(fitted: Mapping[str, Fitted], wanted: int | None, equal: str) -> str:
    """What the rows have in common, in words."""
    if wanted is not None:
        return f"equal {equal} ({wanted})"
    if all(one.comparable for one in fitted.values()):
        first = next(iter(fitted.values()))
        return (
            f"equal {equal} ({first.particles if equal == 'K' else first.evaluations:g}), as given"
        )
    return f"unequal {equal}, as given"


def _fit(objective: Objective, call: tuple[Any, ...], wanted: int | None, equal: str) -> Fitted:
    """A copy with the particles that give what is wanted, or come closest to it."""
    if wanted is not None and equal == "K":
        return _resized(objective, wanted, call)
    own = _counted(copy(objective), call)
    if wanted is None or own.evaluations == wanted or not isfinite(own.evaluations):
        return own
    first = _resized(objective, round(wanted * own.particles / own.evaluations), call)
    tries = [first]
    change = first.evaluations - own.evaluations
    if first.comparable and first.evaluations != wanted and change:
        # Two sizes show what a step evaluates besides its particles (a dream).
        each = change / (first.particles - own.particles)
        again = first.particles + round((wanted - first.evaluations) / each)
        tries.append(_resized(objective, again, call))
    return min(tries, key=lambda one: abs(one.evaluations - wanted))


def _resized(objective: Objective, particles: int, call: tuple[Any, ...]) -> Fitted:
    """A copy with so many particles, or as close as it takes, or its own number, and why."""
    least = objective.min_particles
    name, why = objective.class_name, ""
    if particles < least:
        why = f"{name} takes {least} particles or more"
    for number in range(max(particles, least), least - 1, -1):
        other = copy(objective)
        try:
            if number != objective.num_particles:  # some have no setter
                other.num_particles = number
            break
        except _REFUSALS as error:  # its K may be a product of other numbers
            why = why or f"{name} cannot have {number} particles ({first_line(error)})"
    try:
        return _counted(other, call, why)
    except _REFUSALS as error:  # an error of the pair itself is raised by the next call
        why = f"{name} cannot have {other.num_particles} particles ({first_line(error)})"
        return _counted(copy(objective), call, why)


def _counted(objective: Objective, call: tuple[Any, ...], note: str = "") -> Fitted:
    return Fitted(objective, decoder_evaluations(copy(objective), *call), not note, note)


def _judged(one: Fitted, goal: float, equal: str, wanted: int | None) -> Fitted:
    has = one.particles if equal == "K" else one.evaluations
    if has == goal:
        return replace(one, comparable=True, note="")
    what = "particles" if equal == "K" else "decoder evaluations"
    words = f"{has:g} {what}, not {goal:g}"
    if wanted is None:
        words = f"{has:g} {what}, and the first has {goal:g}"
    return replace(one, comparable=False, note=f"{words}: {one.note}" if one.note else words)
