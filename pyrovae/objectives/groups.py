"""Estimators over groups of particles, each group an importance-weighted bound."""

from abc import ABC
from typing import Self, Unpack

import torch
from torch import Tensor

from ..errors import ShapeError
from ..math import log_mean_exp
from .base import ParticleELBO
from .constructor import Drawing
from .options import is_whole


class GroupedELBO(ParticleELBO, ABC):
    """Base of the estimators over M groups of K particles each.

    Args:
        num_groups: M >= 1, over which bounds are averaged.
        group_size: K >= 1, over which weights are. M K particles are drawn per datum, which is
            the attribute `num_particles`.
        vectorize_particles: See `ParticleELBO`, as for the remaining arguments.

    Raises:
        ShapeError: A number is below one, or particles do not fill the groups.
    """

    def __init__(self, num_groups: int, group_size: int, **drawing: Unpack[Drawing]) -> None:
        if not (is_whole(num_groups, 1) and is_whole(group_size, 1)):
            raise ShapeError(
                f"{type(self).__name__} got num_groups={num_groups} and group_size={group_size}, "
                "needs >= 1 each; give whole numbers, of groups and of particles in each"
            )
        self.num_groups, self.group_size = num_groups, group_size
        super().__init__(num_groups * group_size, **drawing)

    @classmethod
    def example(cls) -> Self:
        return cls(num_groups=2, group_size=2)

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
        self.check_particles(number)
        self.group_size = number // self.num_groups

    def check_particles(self, number: int) -> None:
        super().check_particles(number)
        if number % self.num_groups:
            raise ShapeError(
                f"{type(self).__name__} got num_particles={number}, which do not fill its "
                f"{self.num_groups} groups evenly; take a multiple of {self.num_groups}"
            )

    def groups(self, per_particle: Tensor) -> Tensor:
        """[M K, B] -> [M, K, B]."""
        return per_particle.unflatten(0, (self.num_groups, self.group_size))

    def own_group(self, log_w: Tensor) -> Tensor:
        """What the bound of each particle's group adds to the mean over groups [M K, B]."""
        bounds = log_mean_exp(self.groups(log_w), dim=1) / self.num_groups
        return bounds.repeat_interleave(self.group_size, 0)

    def shares(self, log_w: Tensor) -> Tensor:
        """Weights normalised inside each group [M K, B]."""
        return torch.softmax(self.groups(log_w), 1).flatten(0, 1)
