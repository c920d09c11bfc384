"""Layers of normalizing flows, each a Pyro transform whose parameters a context may give."""

from .affine_coupling import AffineCoupling
from .base import FlowLayer, LayerFactory
from .chain import Chain, chain, stacked
from .permutation import Permutation

__all__ = [
    "AffineCoupling",
    "Chain",
    "FlowLayer",
    "LayerFactory",
    "Permutation",
    "chain",
    "stacked",
]
