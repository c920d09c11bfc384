"""A model of noisy data: p(z) p(noisy|z), with the noise folded into the likelihood."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.distributions import biject_to, constraints

from ...errors import PlateError, SiteError
from ...nn.corruption import NoiseModel
from ...particles.conditionals import Conditional, conditionals
from ...particles.tracing import Program
from ..observed import elements_at, site_of_data
from ..values import repeated, tiled
from .elements import CleanElements, bounds_of, clean_elements


@dataclass(frozen=True)
class Scored:
    """Latents and what is known given them, for R rows.

    Attributes:
        log_joint: log p(z) + log p(noisy|z) [R]; of unconstrained coordinates, where it was
            scored at those.
        elements: The clean elements, in the shape that the model observes them in.
        clean_mean: E[x|z], without regard to the noisy data.
    """

    log_joint: Tensor
    elements: CleanElements
    clean_mean: Tensor


@dataclass(frozen=True)
class NoisyModel:
    """The model run for R rows, at chosen latents.

    Args:
        model: p(z)p(x|z).
        args: What it takes, the data first: here the noisy ones.
        noise: p(noisy|x).
        noisy: The noisy data [R, *data_shape].
    """

    model: Program
    args: tuple[Any, ...]
    noise: NoiseModel
    noisy: Tensor

    def summed(log_prob: Tensor) -> Tensor:
    """[R, ...] -> [R]."""
    return log_prob.flatten(1).sum(-1) if log_prob.dim() > 1 else log_prob
