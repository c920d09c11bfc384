"""What an objective knows of the pair that it was used on last."""

from dataclasses import dataclass, replace
from typing import Self

from ..particles import Particles
from ..particles.one_by_one import warn_one_by_one
from ..particles.tracing import Program


@dataclass(frozen=True)
class KnownPair:
    """What an objective knows of the pair that it was used on last.

    Attributes:
        pair: Model and guide.
        depth: Batch dims of its plates.
        refusal: Why its particles are drawn one by one; "" where they are not.
        is_noted: Whether the user was told.
    """

    pair: tuple[Program, Program]
    depth: int
    refusal: str
    is_noted: bool = False

    def after(self, p: Particles) -> Self:
        """What is known once particles were drawn; tells the user once if it was one by one."""
        if self.refusal and not self.is_noted:
            warn_one_by_one(self.refusal)
            return replace(self, is_noted=True)
        if not self.refusal and p.are_one_by_one:  # `draw` has told: a later batch failed
            return replace(self, refusal="a batch failed", is_noted=True)
        return self
