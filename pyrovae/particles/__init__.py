"""A (model, guide) pair and a batch become `Particles`: log-densities [K, B], site by site."""

from .draw import draw
from .particle_axis import plan, plate_nesting
from .particles import Particles
from .score import score
from .simulate import dream, simulate, simulate_joint

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
