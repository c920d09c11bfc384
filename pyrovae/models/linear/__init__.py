"""Linear VAEs: probabilistic PCA and factor analysis, with everything in closed form."""

from .base import LinearVAE
from .em import e_step, m_step
from .factor_analysis import FactorAnalysis
from .probabilistic_pca import ProbabilisticPCA

__all__ = ["FactorAnalysis", "LinearVAE", "ProbabilisticPCA", "e_step", "m_step"]
