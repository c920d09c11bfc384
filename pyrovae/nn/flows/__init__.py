"""Layers of normalizing flows, each a Pyro transform whose parameters a context may give."""

from .affine_coupling import AffineCoupling
from .base import Amortised, FlowLayer, LayerFactory, LayerTransform
from .chain import Chain, as_layer, chain, stacked
from .householder import Householder
from .householder_sylvester import HouseholderSylvester
from .inverse_autoregressive import InverseAutoregressive
from .masked_autoregressive import MaskedAutoregressive
from .neural_autoregressive import NeuralAutoregressive
from .orthogonal_sylvester import OrthogonalSylvester
from .permutation import Permutation
from .planar import Planar
from .radial import Radial
from .spline import Spline
from .spline_autoregressive import SplineAutoregressive
from .spline_coupling import SplineCoupling
from .sylvester import Sylvester
from .triangular_sylvester import TriangularSylvester

__all__ = [
    "AffineCoupling",
    "Amortised",
    "Chain",
    "FlowLayer",
    "Householder",
    "HouseholderSylvester",
    "InverseAutoregressive",
    "LayerFactory",
    "LayerTransform",
    "MaskedAutoregressive",
    "NeuralAutoregressive",
    "OrthogonalSylvester",
    "Permutation",
    "Planar",
    "Radial",
    "Spline",
    "SplineAutoregressive",
    "SplineCoupling",
    "Sylvester",
    "TriangularSylvester",
    "as_layer",
    "chain",
    "stacked",
]
