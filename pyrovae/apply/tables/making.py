"""Synthetic rows of a table."""

from typing import Any

from .framed import as_frame, methods_of
from .seeded import seeded


def synthesise(pair: Any, n: int, *, seed: int | None = None) -> Any:  # noqa: ANN401
    """Rows that a trained pair makes: z from the prior, and each cell from p(x|z).

    They are complete, whatever was missing in the data of the training. They are no protection
    of privacy by themselves: compare them with the training rows by `resemblance`, which finds
    copies, and know that it proves nothing about single persons.

    Args:
        pair: A pair of a table with the methods `generate` and `to_columns`, as `models.TableVAE`.
        n: How many rows.
        seed: Of the draws; None takes them from Pyro's random state.

    Returns:
        A frame of pandas, or of polars where pandas is not installed; without both a dict.

    Raises:
        ConfigError: The pair has no such methods.

    Example:
        >>> from pyrovae.models import TableVAE
        >>> rows = synthesise(TableVAE.example(), 3, seed=0)
        >>> rows.shape, list(rows.columns[:3])
        ((3, 6), ['t', 'income', 'children'])
    """
    methods_of(pair, "synthesise", "generate", "to_columns")
    with seeded(seed):
        x = pair.generate(n, mean=False)
    return as_frame(pair.to_columns(x))
