"""Objectives as comparisons take them: their names in a table, and how they draw particles."""

from collections.abc import Iterable, Mapping, Sequence
from copy import copy

from pyro.infer import ELBO as PyroELBO

from ..objectives.pyro_loss import as_objective


def unique_names(objectives: Iterable[PyroELBO]) -> list[str]:
    """A name for each; a number tells apart those that would be called the same."""
    names: list[str] = []
    for objective in objectives:
        own = as_objective(objective).row_name
        count = sum(name == own or name.startswith(f"{own} #") for name in names)
        names.append(f"{own} #{count + 1}" if count else own)
    return names


def all_drawing(
    objectives: Sequence[PyroELBO] | Mapping[str, PyroELBO], vectorize_particles: bool
) -> Sequence[PyroELBO] | Mapping[str, PyroELBO]:
    """`drawing` for each of several objectives, by name or in order."""
    if isinstance(objectives, Mapping):
        return {name: drawing(o, vectorize_particles) for name, o in objectives.items()}
    return [drawing(objective, vectorize_particles) for objective in objectives]


def drawing(objective: PyroELBO, vectorize_particles: bool) -> PyroELBO:
    """The objective; where `vectorize_particles` is False, a copy that draws one by one."""
    if vectorize_particles or not isinstance(objective, PyroELBO):
        return objective
    other = copy(objective)
    other.vectorize_particles = False
    return other
