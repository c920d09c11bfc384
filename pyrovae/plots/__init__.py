"""Pictures: curves, images, the latent space, comparisons. Each function gives a Figure."""

from ..train.curves import training_curves
from .comparison import comparison
from .diagnosis import diagnosis
from .image_rows import image_rows
from .images import image_grid, reconstructions, traversals
from .label_curves import label_curves
from .latent_space import latent_space

__all__ = [
    "comparison",
    "diagnosis",
    "image_grid",
    "image_rows",
    "label_curves",
    "latent_space",
    "reconstructions",
    "training_curves",
    "traversals",
]
