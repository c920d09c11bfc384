"""Networks over the steps of a sequence."""

from .gated_transition import GatedTransition
from .gru import GRU
from .recurrent_steps import RecurrentSteps

__all__ = ["GRU", "GatedTransition", "RecurrentSteps"]
