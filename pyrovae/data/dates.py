"""Dates to be written in one of several formats, as a data set."""

from .base import Dataset, supplying
from .synthetic.date_formats import DateFormats
from .text_pairs import text_pairs


@supplying("vocabulary")
def dates(
    n: int = 6000,
    *,
    first_year: int = 1900,
    last_year: int = 2099,
    val: int = 500,
    test: int = 500,
    seed: int = 0,
) -> Dataset:
    """Dates as sources `y`, and one of several ways to write them as targets `x`.

    "2026-11-30" is written "30 November 2026", "November 30, 2026", "30 Nov 2026", "30.11.2026"
    or "11/30/26", at random. `DateFormats` knows the true probabilities of the answers, their
    entropy, and scores what a model gives. No date is there twice.

    Args:
        n: Number of pairs.
        first_year: Of the dates.
        last_year: Likewise.
        val: How many of the pairs are for `val`.
        test: How many are for `test`.
        seed: Seed of the dates, of their formats and of the split.

    Raises:
        DataError: There are not so many dates, or none is left to train on.

    Example:
        >>> dates(1000, val=100, test=100).train
        Split(800 x [19] int64, labels int64)
    """
    pairs = DateFormats(first_year, last_year).pairs(n, seed=seed)
    made = text_pairs(pairs, val=val, test=test, seed=seed)
    return Dataset("dates", made.train, made.val, made.test, made.info, made.supplies)
