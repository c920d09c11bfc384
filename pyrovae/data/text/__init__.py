"""Text: vocabularies, and data sets of rows of codes."""

from .vocabulary import Unit, Vocabulary

__all__ = ["Unit", "Vocabulary"]
