"""The ELBO as a sum of entropies: a check of convergence, once and over training."""

from .curve import EntropyCurve, TrackEntropies
from .entropies import entropies
from .result import Entropies

__all__ = ["Entropies", "EntropyCurve", "TrackEntropies", "entropies"]
