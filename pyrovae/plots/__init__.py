"""Pictures: curves, images, the latent space, comparisons. Each function gives a Figure."""

from ..train.curves import training_curves
from .comparison import comparison
from .entropies import entropy_bars, entropy_curve
from .image_rows import image_rows
from .images import image_grid, reconstructions, traversals
from .label_curves import label_curves
from .latent_space import latent_space
from .sample_quality import sample_quality

__all__ = [
    "comparison",
    "entropy_bars",
    "entropy_curve",
    "image_grid",
    "image_rows",
    "label_curves",
    "latent_space",
    "reconstructions",
    "sample_quality",
    "training_curves",
    "traversals",
]
