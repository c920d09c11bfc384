"""What a trained pair is like: its figures in numbers, and its pictures."""

from .batches import to_generate
from .figures import with_figures
from .finite_history import finite_history
from .forms import ENDINGS, SAVED, Arrays, Form, Images, Made, form_of
from .making import made_of, rebuilt, sampled
from .measure import report
from .pictures import pictures
from .saving import save_figure, save_pictures
from .software import device_in_words, versions
from .subject import Subject, Use
from .table import Report, to_html

__all__ = [
    "ENDINGS",
    "SAVED",
    "Arrays",
    "Form",
    "Images",
    "Made",
    "Report",
    "Subject",
    "Use",
    "device_in_words",
    "finite_history",
    "form_of",
    "made_of",
    "pictures",
    "rebuilt",
    "report",
    "sampled",
    "save_figure",
    "save_pictures",
    "to_generate",
    "to_html",
    "versions",
    "with_figures",
]
