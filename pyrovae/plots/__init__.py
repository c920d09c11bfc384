"""Pictures: curves, images, the latent space, comparisons. Each function gives a Figure."""

from ..train.curves import training_curves
from .comparison import comparison
from .entropies import entropy_bars, entropy_curve
from .image_rows import image_rows
from .images import image_grid, reconstructions, traversals
from .label_curves import label_curves
from .latent_space import latent_space

__all__ = [
    "comparison",
    "entropy_bars",
    "entropy_curve",
    "image_grid",
    "image_rows",
    "label_curves",
    "latent_space",
    "reconstructions",
    "training_curves",
    "traversals",
]
