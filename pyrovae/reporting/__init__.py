"""What a trained pair is like: its figures in numbers, and its pictures."""

from .batches import to_generate
from .figures import with_figures
from .measure import report
from .pictures import pictures
from .saving import save_figure, save_pictures
from .table import Report

__all__ = [
    "Report",
    "pictures",
    "report",
    "save_figure",
    "save_pictures",
    "to_generate",
    "with_figures",
]
