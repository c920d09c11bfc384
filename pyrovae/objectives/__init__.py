"""Estimators: each one a function of `Particles`, and a `pyro.infer.ELBO`."""

from .base import ParticleELBO
from .beta import Beta
from .cubo import CUBO
from .elbo import ELBO
from .eubo import EUBO
from .iwae import IWAE
from .jvi import JVI
from .reinforce import REINFORCE
from .renyi import Renyi
from .rws import RWS
from .tvo import TVO
from .vimco import VIMCO

__all__ = [
    "CUBO",
    "ELBO",
    "EUBO",
    "IWAE",
    "JVI",
    "REINFORCE",
    "RWS",
    "TVO",
    "VIMCO",
    "Beta",
    "ParticleELBO",
    "Renyi",
]
