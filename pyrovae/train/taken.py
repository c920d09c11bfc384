"""What one training step gave."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class Taken:
    """What one training step gave.

    Attributes:
        loss: In nats; a tuple where an objective has two.
        norm: Of the gradient over all parameters, before clipping.
        taken: Whether loss and gradient were finite, and so the parameters have moved: a tensor,
            on whose device nobody has waited.
    """

    loss: Any
    norm: Tensor
    taken: Tensor
