"""Estimators: each one a function of `Particles`, and a `pyro.infer.ELBO`."""

from .base import ParticleELBO
from .beta import Beta
from .ciwae import CIWAE, DReGCIWAE
from .cubo import CUBO
from .dreg import DReG
from .elbo import ELBO
from .eubo import EUBO
from .groups import GroupedELBO
from .iwae import IWAE
from .jvi import JVI
from .miwae import MIWAE, DReGMIWAE
from .path import PathELBO
from .piwae import PIWAE, DReGPIWAE
from .reinforce import REINFORCE
from .renyi import Renyi
from .rws import RWS
from .stl import STL
from .stratified import StratifiedELBO, StratifiedIWAE
from .tvo import TVO
from .vimco import VIMCO
from .vr_max import VRMax

__all__ = [
    "CIWAE",
    "CUBO",
    "ELBO",
    "EUBO",
    "IWAE",
    "JVI",
    "MIWAE",
    "PIWAE",
    "REINFORCE",
    "RWS",
    "STL",
    "TVO",
    "VIMCO",
    "Beta",
    "DReG",
    "DReGCIWAE",
    "DReGMIWAE",
    "DReGPIWAE",
    "GroupedELBO",
    "ParticleELBO",
    "PathELBO",
    "Renyi",
    "StratifiedELBO",
    "StratifiedIWAE",
    "VRMax",
]
