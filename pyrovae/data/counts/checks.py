"""What rows of counts have to be."""

import torch
from torch import Tensor

from ...errors import ConfigError, DataError
from ..rows import SparseRows


def check_counts(where: str, rows: SparseRows) -> None:
    """Check that all entries are whole numbers from 0.

    Raises:
        DataError: One is not; the message names its place.
    """
    values = rows.values
    for bad, what, way in (
        (~torch.isfinite(values), "infinite or not a number", "drop or fill these rows"),
        (values < 0, "negative", "give the raw counts: logged or centred values are none"),
        (values != values.round(), "no whole number",
         "give the raw counts: a size factor takes the place of normalising them"),
    ):  # fmt: skip
        if bool(bad.any()):
            row, place, value = rows.entry(int(bad.nonzero()[0]))
            raise DataError(
                f"{where}: {int(bad.sum()):,} entries are {what}, the first is {value:g} in row "
                f"{row}, column {place}; {way}"
            )


def empty_rows(rows: SparseRows) -> Tensor:
    """The numbers of the rows whose total is 0."""
    return (rows.totals() == 0).nonzero().flatten()


def size_of(where: str, name: str, size: float | int, n: int) -> int:
    """A number of rows from a share or a number.

    Raises:
        ConfigError: A share is not in [0, 1).
    """
    if isinstance(size, float):
        if not 0 <= size < 1:
            raise ConfigError(
                f"{where}: {name}={size} is no share of the rows; give a float in [0, 1), or an "
                "integer number of rows"
            )
        return round(size * n)
    return size
