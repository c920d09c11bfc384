"""Change a weight in cycles in the course of a run."""

import torch
from torch import Tensor

from ...errors import ConfigError
from ..loop import Loop
from .base import Callback


class CyclicAnneal(Callback):
    """Writes a line from `start` to `end` into a tensor, again in each cycle of the run.

    In a cycle the value rises, and stays at `end` for the rest. Each return to `start` lets the
    decoder use latents that were given up. The last step of the run has the value `end`.

    Args:
        tensor: Read by an objective at every step, such as the weight of `objectives.Beta`.
        start: Value of the first step of a cycle.
        end: Value after the rise.
        cycles: How many, of equal length, over the whole run.
        rise: Length of the rise as a share of a cycle, in (0, 1].

    Raises:
        ConfigError: `cycles` is below one, or `rise` out of range.

    Source:
        Cyclical Annealing Schedule: A Simple Approach to Mitigating KL Vanishing (Fu et al.,
        2019), sec. 3.2, https://arxiv.org/abs/1903.10145

    Example:
        >>> from pyrovae.objectives import Beta
        >>> weight = torch.tensor(0.0)
        >>> objective, cycles = Beta(weight), CyclicAnneal(weight, cycles=4)
    """

    def __init__(
        self,
        tensor: Tensor,
        start: float = 0.0,
        end: float = 1.0,
        *,
        cycles: int = 4,
        rise: float = 0.5,
    ) -> None:
        if cycles < 1 or not 0 < rise <= 1:
            raise ConfigError(
                f"CyclicAnneal: cycles={cycles}, rise={rise}; it needs a cycle or more, and a "
                "rise that is a share of the cycle in (0, 1]"
            )
        self.tensor, self.start, self.end = tensor, start, end
        self.cycles, self.rise = cycles, rise

    def on_start(self, loop: Loop) -> None:
        self.on_step(loop)

    def on_step(self, loop: Loop) -> None:
        place = loop.step * self.cycles / loop.total_steps  # in cycles
        done = 1.0 if loop.step >= loop.total_steps else min(1.0, place % 1.0 / self.rise)
        with torch.no_grad():
            self.tensor.fill_(self.start + (self.end - self.start) * done)
