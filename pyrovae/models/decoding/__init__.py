"""Ways to make strings of a network that gives the probabilities of the next code."""

from .base import Decoded, Decoding, Stepwise, score
from .beam import Beam
from .continued import Continued
from .greedy import Greedy
from .sampling import Sampling

__all__ = ["Beam", "Continued", "Decoded", "Decoding", "Greedy", "Sampling", "Stepwise", "score"]
