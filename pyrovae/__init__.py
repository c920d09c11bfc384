"""Variational autoencoders as Pyro programs.

A (model, guide) pair and a batch become `Particles`; an objective is a function of `Particles`.
"""

from . import data, models, nn, objectives
from .errors import PyrovaeError
from .evaluate import active_units, compare, elbo_parts, gradients, log_evidence
from .kl import kl_routes
from .parameters import buffers, declare, frozen, trainable
from .particles import Particles, draw
from .train import SVI, fit

__version__ = "0.1.0"

__all__ = [
    "SVI",
    "Particles",
    "PyrovaeError",
    "active_units",
    "buffers",
    "compare",
    "data",
    "declare",
    "draw",
    "elbo_parts",
    "fit",
    "frozen",
    "gradients",
    "kl_routes",
    "log_evidence",
    "models",
    "nn",
    "objectives",
    "trainable",
]
