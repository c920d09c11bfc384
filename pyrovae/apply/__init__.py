"""Uses of a trained pair."""

from .density import fit_density

__all__ = ["fit_density"]
