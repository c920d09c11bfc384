"""Metrics of disentanglement: how far each factor of variation has a latent of its own."""

from .base import Gaps
from .beta_vae import beta_vae_metric
from .dci import DCI, dci
from .disentanglement import Disentanglement, disentanglement
from .factor_vae import factor_vae_metric
from .mig import mig
from .sap import sap

__all__ = [
    "DCI",
    "Disentanglement",
    "Gaps",
    "beta_vae_metric",
    "dci",
    "disentanglement",
    "factor_vae_metric",
    "mig",
    "sap",
]
