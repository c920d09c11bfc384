"""A (model, guide) pair and a batch become `Particles`: log-densities [K, B], site by site."""

from .draw import draw, dream, plan, plate_nesting, score, simulate, simulate_joint
from .particles import Particles

__all__ = [
    "Particles",
    "draw",
    "dream",
    "plan",
    "plate_nesting",
    "score",
    "simulate",
    "simulate_joint",
]
