"""What a trained pair is like: its figures in numbers, and its pictures."""

from .batches import to_generate
from .figures import with_figures
from .finite_history import finite_history
from .measure import report
from .pictures import pictures
from .saving import save_figure, save_pictures
from .software import device_in_words, versions
from .subject import Subject, Use
from .table import Report, to_html

__all__ = [
    "Report",
    "Subject",
    "Use",
    "device_in_words",
    "finite_history",
    "pictures",
    "report",
    "save_figure",
    "save_pictures",
    "to_generate",
    "to_html",
    "versions",
    "with_figures",
]
