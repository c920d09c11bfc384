"""Estimators: each one a function of `Particles`, and a `pyro.infer.ELBO`."""

from .base import ParticleELBO
from .beta import Beta
from .elbo import ELBO
from .iwae import IWAE
from .renyi import Renyi

__all__ = ["ELBO", "IWAE", "Beta", "ParticleELBO", "Renyi"]
