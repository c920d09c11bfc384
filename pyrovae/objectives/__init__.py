"""Estimators: each one a function of `Particles`, and a `pyro.infer.ELBO`."""

from .base import ParticleELBO
from .beta import Beta
from .capacity import Capacity
from .ciwae import CIWAE, DReGCIWAE
from .cubo import CUBO
from .dipvae import DIPVAE
from .dreg import DReG
from .elbo import ELBO
from .eubo import EUBO
from .factorvae import FactorVAE
from .groups import GroupedELBO
from .infovae import InfoVAE
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
from .tcvae import TCVAE
from .tvo import TVO
from .vimco import VIMCO
from .vr_max import VRMax

__all__ = [
    "CIWAE",
    "CUBO",
    "DIPVAE",
    "ELBO",
    "EUBO",
    "IWAE",
    "JVI",
    "MIWAE",
    "PIWAE",
    "REINFORCE",
    "RWS",
    "STL",
    "TCVAE",
    "TVO",
    "VIMCO",
    "Beta",
    "Capacity",
    "DReG",
    "DReGCIWAE",
    "DReGMIWAE",
    "DReGPIWAE",
    "FactorVAE",
    "GroupedELBO",
    "InfoVAE",
    "ParticleELBO",
    "PathELBO",
    "Renyi",
    "StratifiedELBO",
    "StratifiedIWAE",
    "VRMax",
]
