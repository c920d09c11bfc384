"""What topics of documents are worth: coherence, diversity, and perplexity of words."""

from .topics import Topics, topics
from .word_perplexity import WordPerplexity, word_perplexity

__all__ = ["Topics", "WordPerplexity", "topics", "word_perplexity"]
