"""Quantisers: they map vectors to codes, and codes to vectors."""

from .base import Quantized, Quantizer, nearest, perplexity, straight_through, usage
from .codebook import Codebook
from .finite_scalar import FiniteScalar
from .learned import LearnedCodebook
from .moving_average import MovingAverageCodebook

__all__ = [
    "Codebook",
    "FiniteScalar",
    "LearnedCodebook",
    "MovingAverageCodebook",
    "Quantized",
    "Quantizer",
    "nearest",
    "perplexity",
    "straight_through",
    "usage",
]
