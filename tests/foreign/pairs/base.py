"""What is said of a structure: its pair, what trains it, what is to come of objectives."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from pyro.infer import ELBO as PyroELBO
from torch import Tensor, nn

Refusal = tuple[type[Exception], str]
"""A kind of error, and what its message matches."""


@dataclass(frozen=True)
class Pair:
    """A model and a guide with the arguments of a batch, made anew for each run."""

    model: Callable[..., Any]
    guide: Callable[..., Any]
    args: tuple[Any, ...]

    @property
    def call(self) -> tuple[Any, ...]:
        return self.model, self.guide, *self.args


@dataclass(frozen=True)
class Structure:
    """A pair, the loss that its example trains with, and what our objectives make of it.

    Attributes:
        build: Makes the pair; called after seeding.
        loss: Makes Pyro's loss.
        plate: The plate over data, where it is around every site.
        elbo, iwae, dreg: None where the value is right, else how it is refused.
        measured: None where evidence is measured, else how it is refused.
        joint: Whether latents lie outside the plate over data, which is "data" there.
        fits: Data that `fit` takes of it, all rows of equal number; None: it is not tried.
        compiles: Whether its step can be captured.
        one_by_one: Whether its networks cannot take the particle axis.
    """

    build: Callable[[], Pair]
    loss: Callable[[], PyroELBO]
    plate: str | None = None
    elbo: Refusal | None = None
    iwae: Refusal | None = None
    dreg: Refusal | None = None
    measured: Refusal | None = None
    joint: bool = False
    fits: Callable[[Pair], tuple[Tensor, ...]] | None = None
    compiles: bool = True
    one_by_one: bool = False

    def make(self) -> Pair:
        torch.manual_seed(11)
        return self.build()


def mlp(*sizes: int, out: nn.Module | None = None) -> nn.Sequential:
    """Softplus between the layers."""
    layers: list[nn.Module] = []
    for a, b in zip(sizes, sizes[1:], strict=False):
        layers += [nn.Linear(a, b), nn.Softplus()]
    return nn.Sequential(*layers[:-1], *([] if out is None else [out]))


def halves(tensor: Tensor) -> tuple[Tensor, Tensor]:
    """Location and scale."""
    loc, log_scale = tensor.chunk(2, -1)
    return loc, log_scale.exp()


def rows(*shape: int, seed: int = 4) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))
