"""Estimators whose particles stand in groups, each of them an importance-weighted bound."""

from abc import ABC

import torch
from torch import Tensor

from ..errors import ShapeError
from .base import ParticleELBO


class GroupedELBO(ParticleELBO, ABC):
    """Base of the estimators over M groups of K particles each.

    Args:
        num_groups: M >= 1, over which bounds are averaged.
        group_size: K >= 1, over which weights are. M K particles are drawn per datum, which is
            the attribute `num_particles`.
        vectorize_particles: See `ParticleELBO`, as for the remaining arguments.

    Raises:
        ShapeError: A number is below one.
    """

    def __init__(
        self,
        num_groups: int,
        group_size: int,
        *,
        vectorize_particles: bool = True,
        batch_plate: str | None = "auto",
        max_plate_nesting: int | None = None,
    ) -> None:
        if num_groups < 1 or group_size < 1:
            raise ShapeError(
                f"{type(self).__name__} got num_groups={num_groups} and group_size={group_size}, "
                "needs >= 1 each"
            )
        self.num_groups, self.group_size = num_groups, group_size
        super().__init__(
            num_groups * group_size,
            vectorize_particles=vectorize_particles,
            batch_plate=batch_plate,
            max_plate_nesting=max_plate_nesting,
        )

    @property
    def min_particles(self) -> int:
        """One for each group."""
        return self.num_groups

    @property
    def num_particles(self) -> int:
        """M K; to set it changes the size of the groups, not their number."""
        return self.num_groups * self.group_size

    @num_particles.setter
    def num_particles(self, number: int) -> None:
        if number < self.num_groups or number % self.num_groups:
            raise ShapeError(
                f"{number} particles do not fill {self.num_groups} groups evenly; take a multiple"
            )
        self.group_size = number // self.num_groups

    def groups(self, per_particle: Tensor) -> Tensor:
        """[M K, B] -> [M, K, B]."""
        return per_particle.unflatten(0, (self.num_groups, self.group_size))

    def shares(self, log_w: Tensor) -> Tensor:
        """Weights normalised inside each group [M K, B]."""
        return torch.softmax(self.groups(log_w), 1).flatten(0, 1)

    def __repr__(self) -> str:
        sizes = f"num_groups={self.num_groups}, group_size={self.group_size}"
        return f"{type(self).__name__}({sizes})"
