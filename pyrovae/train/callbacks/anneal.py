"""Change a weight in the course of a run."""

import torch
from torch import Tensor

from ...errors import ConfigError
from ..loop import Loop
from .base import Callback


class Anneal(Callback):
    """Writes a line from `start` to `end` into a tensor, in place, before each step.

    The validation after an epoch sees the value then reached; a `val_objective` without the
    weight keeps epochs comparable.

    Args:
        tensor: Read by an objective at every step, such as the weight of `objectives.Beta`.
        start: Value of the first step.
        end: Value from the end of the line on.
        fraction: Length of the line as a share of the run, in (0, 1].
        epochs: Length of the line in epochs, instead of `fraction`.

    Raises:
        ConfigError: Not exactly one of `fraction` and `epochs` is given, or it is out of range.

    Example:
        >>> from pyrovae.objectives import Beta
        >>> weight = torch.tensor(0.0)
        >>> objective, warm_up = Beta(weight), Anneal(weight, 0.0, 1.0, epochs=10)
    """

    def __init__(
        self,
        tensor: Tensor,
        start: float = 0.0,
        end: float = 1.0,
        *,
        fraction: float | None = None,
        epochs: float | None = None,
    ) -> None:
        length = fraction if epochs is None else epochs
        both = fraction is not None and epochs is not None
        if length is None or both or length <= 0 or (fraction is not None and fraction > 1):
            raise ConfigError(
                f"Anneal: fraction={fraction}, epochs={epochs}; give one of them, a share of the "
                "run in (0, 1] or a number of epochs above 0"
            )
        self.tensor, self.start, self.end = tensor, start, end
        self.fraction, self.epochs = fraction, epochs

    def on_start(self, loop: Loop) -> None:
        self.on_step(loop)

    def on_step(self, loop: Loop) -> None:
        if self.fraction is not None:
            steps = self.fraction * loop.total_steps
        else:
            steps = (self.epochs or 0) * loop.steps_per_epoch
        done = min(1.0, loop.step / steps)
        with torch.no_grad():
            self.tensor.fill_(self.start + (self.end - self.start) * done)
