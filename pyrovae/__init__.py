"""Variational autoencoders as Pyro programs.

A (model, guide) pair and a batch become `Particles`; an objective is a function of `Particles`.
"""

from . import data, models, nn, objectives
from .errors import PyrovaeError
from .evaluate import (
    active_units,
    ais,
    bdmc,
    compare,
    compare_training,
    elbo_parts,
    elbo_surgery,
    gradients,
    inference_gaps,
    log_evidence,
)
from .kl import kl_routes
from .parameters import buffers, declare, frozen, trainable
from .particles import Particles, draw
from .penalty import penalty
from .train import SVI, fit

__version__ = "0.1.0"

__all__ = [
    "SVI",
    "Particles",
    "PyrovaeError",
    "active_units",
    "ais",
    "bdmc",
    "buffers",
    "compare",
    "compare_training",
    "data",
    "declare",
    "draw",
    "elbo_parts",
    "elbo_surgery",
    "fit",
    "frozen",
    "gradients",
    "inference_gaps",
    "kl_routes",
    "log_evidence",
    "models",
    "nn",
    "objectives",
    "penalty",
    "trainable",
]
