"""What trained pairs are good for."""

from .density import fit_density

__all__ = ["fit_density"]
