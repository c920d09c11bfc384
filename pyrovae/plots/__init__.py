"""Pictures: curves, images, the latent space, comparisons. Each function gives a Figure."""

from ..train.curves import training_curves
from .comparison import comparison
from .diagnosis import diagnosis
from .entropies import entropy_bars, entropy_curve
from .image_rows import image_rows
from .images import image_grid, reconstructions, traversals
from .kl_bars import kl_bars, kl_by_site
from .label_curves import label_curves
from .latent_space import latent_space
from .run_curves import run_curves

__all__ = [
    "comparison",
    "diagnosis",
    "entropy_bars",
    "entropy_curve",
    "image_grid",
    "image_rows",
    "kl_bars",
    "kl_by_site",
    "label_curves",
    "latent_space",
    "reconstructions",
    "run_curves",
    "training_curves",
    "traversals",
]
