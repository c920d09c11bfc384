"""Corruptions: noise that a denoising network learns to remove, and that a model undoes."""

from .base import Corruption, NoiseModel, ReplacingNoise, SpreadingNoise
from .corrupted import Corrupted
from .gaussian_noise import GaussianNoise
from .masking import Masking
from .poisson_noise import PoissonNoise
from .salt_and_pepper import SaltAndPepper

__all__ = [
    "Corrupted",
    "Corruption",
    "GaussianNoise",
    "Masking",
    "NoiseModel",
    "PoissonNoise",
    "ReplacingNoise",
    "SaltAndPepper",
    "SpreadingNoise",
]
