"""Objectives made comparable: equal particles, or equal decoder evaluations."""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any

from pyro.infer import ELBO as PyroELBO

from ..errors import ConfigError, PyrovaeError
from ..objectives import ParticleELBO
from ..parameters import trainable
from .base import own_names
from .cost import decoder_evaluations
from .gradient_draws import Leaves


@dataclass(frozen=True)
class Fitted:
    """An objective as a comparison runs it.

    Attributes:
        objective: A copy, with other particles where that was asked for.
        evaluations: Decoder evaluations per datum and step, counted.
        comparable: Whether it has what all rows should have.
        note: Why not.
    """

    objective: PyroELBO
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
        fitted = [_fit(objective, call, wanted, equal) for objective in every]
    names = (
        list(objectives)
        if isinstance(objectives, Mapping)
        else own_names([one.objective for one in fitted])
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


def _fit(objective: PyroELBO, call: tuple[Any, ...], wanted: int | None, equal: str) -> Fitted:
    """A copy with the particles that give what is wanted, or come closest to it."""
    if wanted is not None and equal == "K":
        if wanted == objective.num_particles:
            return _with(objective, wanted, call)
        return _resized(objective, wanted, call)
    own = _with(objective, objective.num_particles, call)
    if wanted is None or own.evaluations == wanted or not isfinite(own.evaluations):
        return own
    first = _resized(objective, round(wanted * own.particles / own.evaluations), call)
    tries = [first]
    change = first.evaluations - own.evaluations
    if first.comparable and first.evaluations != wanted and change:
        # What a step evaluates besides its particles (a dream) shows between two sizes.
        each = change / (first.particles - own.particles)
        again = first.particles + round((wanted - first.evaluations) / each)
        tries.append(_resized(objective, again, call))
    return min(tries, key=lambda one: abs(one.evaluations - wanted))


def _resized(objective: PyroELBO, particles: int, call: tuple[Any, ...]) -> Fitted:
    """A copy with so many particles; with the fewest that it takes, or its own, and why."""
    least = objective.min_particles if isinstance(objective, ParticleELBO) else 1
    note = ""
    if particles < least:
        note = f"{type(objective).__name__} takes {least} particles or more" if least > 1 else ""
        particles = least
    try:
        return _with(objective, particles, call, note)
    except (PyrovaeError, AttributeError, ValueError, RuntimeError, ArithmeticError) as error:
        # Its particles may be the product of other numbers, which a copy keeps.
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        why = f"{type(objective).__name__} cannot have {particles} particles ({first_line})"
        return _with(objective, objective.num_particles, call, why)


def _with(objective: PyroELBO, particles: int, call: tuple[Any, ...], note: str = "") -> Fitted:
    other = copy(objective)
    if particles != objective.num_particles:
        other.num_particles = particles
    return Fitted(other, decoder_evaluations(copy(other), *call), not note, note)


def _judged(one: Fitted, goal: float, equal: str, wanted: int | None) -> Fitted:
    has = one.particles if equal == "K" else one.evaluations
    if has == goal:
        return replace(one, comparable=True, note="")
    what = "particles" if equal == "K" else "decoder evaluations"
    words = f"{has:g} {what}, not {goal:g}"
    if wanted is None:
        words = f"{has:g} {what}, and the first has {goal:g}"
    return replace(one, comparable=False, note=f"{words}: {one.note}" if one.note else words)
