"""Structures in which Pyro's examples are written, small, by name."""

from .bayesian import BAYESIAN
from .counts import COUNTS
from .images import IMAGES
from .sequences import SEQUENCES

STRUCTURES = IMAGES | SEQUENCES | COUNTS | BAYESIAN
