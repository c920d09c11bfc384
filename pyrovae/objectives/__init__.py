"""Estimators: each one a function of `Particles`, and a `pyro.infer.ELBO`."""

from .base import ParticleELBO
from .beta import Beta
from .ciwae import CIWAE, DReGCIWAE
from .dreg import DReG
from .elbo import ELBO
from .groups import GroupedELBO
from .iwae import IWAE
from .miwae import MIWAE, DReGMIWAE
from .path import PathELBO
from .piwae import PIWAE, DReGPIWAE
from .renyi import Renyi
from .stl import STL
from .vr_max import VRMax

__all__ = [
    "CIWAE",
    "ELBO",
    "IWAE",
    "MIWAE",
    "PIWAE",
    "STL",
    "Beta",
    "DReG",
    "DReGCIWAE",
    "DReGMIWAE",
    "DReGPIWAE",
    "GroupedELBO",
    "ParticleELBO",
    "PathELBO",
    "Renyi",
    "VRMax",
]
