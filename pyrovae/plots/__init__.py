"""Pictures: curves, images, the latent space, comparisons. Each function gives a Figure."""

from ..train.curves import training_curves
from .comparison import comparison
from .diagnosis import diagnosis
from .entropies import entropy_bars, entropy_curve
from .image_rows import image_rows
from .images import image_grid, reconstructions, traversals
from .khat_map import khat_map
from .kl_bars import kl_bars, kl_by_site
from .label_curves import label_curves
from .latent_space import latent_space
from .rate_distortion import rate_distortion
from .run_curves import run_curves
from .sample_quality import sample_quality
from .series import series
from .spectrograms import spectrograms

__all__ = [
    "comparison",
    "diagnosis",
    "entropy_bars",
    "entropy_curve",
    "image_grid",
    "image_rows",
    "kl_bars",
    "kl_by_site",
    "khat_map",
    "label_curves",
    "latent_space",
    "rate_distortion",
    "reconstructions",
    "run_curves",
    "sample_quality",
    "series",
    "spectrograms",
    "training_curves",
    "traversals",
]
