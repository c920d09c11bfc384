"""What a trained pair is like: its figures in numbers, and its pictures."""

from .report import Report, pictures, report, save_figure, save_pictures, to_generate

__all__ = ["Report", "pictures", "report", "save_figure", "save_pictures", "to_generate"]
