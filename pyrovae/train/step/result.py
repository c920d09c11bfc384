"""What one training step gave."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class StepResult:
    """What one training step gave.

    Attributes:
        loss: In nats; a tuple where an objective has two.
        norm: Of the gradient over all parameters, before clipping.
        taken: Whether loss and gradient were finite, and so the parameters have moved: a tensor,
            on whose device nobody has waited.
        deferred: Whether it need not be asked at once: after a step that was not taken no other
            is, so that the parameters stay those of the last good step.
    """

    loss: Any
    norm: Tensor
    taken: Tensor
    deferred: bool = False
