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
    disentanglement,
    elbo_parts,
    elbo_surgery,
    gradients,
    inference_gaps,
    log_evidence,
    posterior_means,
    traverse,
)
from .particles import Particles, draw
from .particles.kl import kl_routes
from .particles.parameters import buffers, declare, frozen, trainable
from .particles.penalty import penalty
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
    "disentanglement",
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
    "posterior_means",
    "trainable",
    "traverse",
]
