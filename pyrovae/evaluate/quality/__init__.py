"""How good generated data are: distances and overlaps with real data, in features."""

from .frechet import frechet_distance
from .kernel_distance import KernelDistance, kernel_distance
from .neighbours import Overlap, overlap
from .result import Quality, SampleQuality
from .sample_quality import sample_quality

__all__ = [
    "KernelDistance",
    "Overlap",
    "Quality",
    "SampleQuality",
    "frechet_distance",
    "kernel_distance",
    "overlap",
    "sample_quality",
]
