"""Pictures: curves, images, the latent space, comparisons. Each function gives a Figure."""

from .comparison import comparison
from .curves import training_curves
from .images import image_grid, reconstructions, traversals
from .latent_space import latent_space

__all__ = [
    "comparison",
    "image_grid",
    "latent_space",
    "reconstructions",
    "training_curves",
    "traversals",
]
