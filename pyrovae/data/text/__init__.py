"""Text: vocabularies, data sets of rows of codes, and batches of like lengths."""

from .like_lengths import LikeLengths, like_lengths
from .python_text import python_sentences, python_words
from .text import names, text
from .vocabulary import Unit, Vocabulary

__all__ = [
    "LikeLengths",
    "Unit",
    "Vocabulary",
    "like_lengths",
    "names",
    "python_sentences",
    "python_words",
    "text",
]
