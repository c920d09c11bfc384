"""Which objectives fit a pair: each is tried on a small batch."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyro
import torch
from pyro.infer import ELBO as PyroELBO

from .. import objectives
from ..errors import GradientWarning, first_line
from ..particles.isolation import isolated
from ..particles.own_parameters import own_parameters
from .inspection import Batch, Inspection
from .runs import seed_all


@dataclass(frozen=True)
class ObjectiveFit:
    """Whether one objective can train a pair.

    Attributes:
        name: As it is printed.
        fits: Whether its loss is finite and has a gradient.
        reason: Why not; or what to know of it where it fits.
    """

    name: str
    fits: bool
    reason: str = ""


def all_objectives() -> list[objectives.ParticleELBO]:
    """An instance of each objective of this library, and the ELBO with closed forms."""
    kinds = [getattr(objectives, name) for name in objectives.__all__]
    made = [kind.example() for kind in kinds if _is_concrete(kind)]
    made.append(objectives.ELBO(3, closed_form_kl=True))
    return sorted(made, key=lambda one: type(one).__name__ not in ("ELBO", "IWAE"))


def fitting(
    seen: Inspection, tried: Sequence[PyroELBO], batch: Batch, *, batch_plate: str | None
) -> tuple[ObjectiveFit, ...]:
    """Try objectives on a pair.

    Args:
        seen: The pair.
        tried: Objectives.
        batch: What they are tried on.
        batch_plate: The plate over data, or None for one joint bound; "auto" finds it.
    """
    return tuple(_tried(seen, each, batch, batch_plate) for each in tried)


def _tried(
    seen: Inspection, objective: PyroELBO, batch: Batch, batch_plate: str | None
) -> ObjectiveFit:
    name = repr(objective)
    if batch_plate != "auto" and isinstance(objective, objectives.ParticleELBO):
        objective.batch_plate = batch_plate
        name = repr(objective)
    loss_of: Any = getattr(objective, "differentiable_loss", None) or objective.loss  # type: ignore[attr-defined]
    with (
        isolated(),
        own_parameters(),
        torch.enable_grad(),
        pyro.validation_enabled(False),
        warnings.catch_warnings(record=True) as caught,
    ):
        warnings.simplefilter("always")
        seed_all(0)
        try:
            loss = loss_of(seen.model, seen.guide, *batch, **seen.kwargs)
        except Exception as error:  # whatever a user's program raises
            return ObjectiveFit(name, False, first_line(error))
    loss = torch.as_tensor(loss)
    if not bool(loss.isfinite().all()):
        return ObjectiveFit(name, False, f"its loss is {float(loss.sum())}")
    about = [str(w.message) for w in caught if issubclass(w.category, GradientWarning)]
    return ObjectiveFit(name, True, about[0] if about else "")


def _is_concrete(kind: type) -> bool:
    return not getattr(kind, "__abstractmethods__", None)
