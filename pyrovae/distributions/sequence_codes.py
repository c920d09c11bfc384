"""The codes that every sequence of codes has, whatever its vocabulary."""

PADDING, END, BEGIN, UNKNOWN = range(4)
"""What fills a row after its end; the end; what a decoder reads first; an entry not known."""

NUM_SPECIAL = 4
"""The first code of an entry of the vocabulary itself."""

NEVER_DRAWN = (PADDING, BEGIN)
"""Codes of probability zero: a sequence ends by `END`, and what follows is no part of it."""
