"""Objectives made comparable: equal particles, or equal decoder evaluations."""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

from pyro.infer import ELBO as PyroELBO

from ..errors import ConfigError, PyrovaeError
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
    goal = wanted or (first.objective.num_particles if equal == "K" else first.evaluations)
    return {name: _judged(one, goal, equal) for name, one in found.items()}


def _fit(objective: PyroELBO, call: tuple[Any, ...], wanted: int | None, equal: str) -> Fitted:
    """A copy with the particles that give what is wanted, if it can have them."""
    own = copy(objective)
    own_evaluations = None
    if wanted is None or equal != "K":
        own_evaluations = _evaluations(own, call)
    if wanted is None:
        return Fitted(own, own_evaluations or 0.0, True, "")
    particles = wanted
    if own_evaluations is not None:
        particles = max(1, round(wanted * own.num_particles / own_evaluations))
    if particles == own.num_particles:
        return Fitted(own, own_evaluations or _evaluations(own, call), True, "")
    other = copy(objective)
    try:
        other.num_particles = particles
        return Fitted(other, _evaluations(other, call), True, "")
    except (PyrovaeError, AttributeError, ValueError, RuntimeError) as error:
        # Its particles may be the product of other numbers, which a copy keeps.
        why = f"it cannot have {particles} particles ({str(error).splitlines()[0]})"
        return Fitted(own, own_evaluations or _evaluations(own, call), False, why)


def _judged(one: Fitted, goal: float, equal: str) -> Fitted:
    has = one.objective.num_particles if equal == "K" else one.evaluations
    if one.comparable and has != goal:
        what = "particles" if equal == "K" else "decoder evaluations"
        return Fitted(one.objective, one.evaluations, False, f"{has:g} {what}, not {goal:g}")
    return one


def _evaluations(objective: PyroELBO, call: tuple[Any, ...]) -> float:
    return decoder_evaluations(copy(objective), *call)
