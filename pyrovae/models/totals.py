"""Rows of counts in which nothing was counted."""

from torch import Tensor

from ..errors import DataError


def check_totals(x: Tensor, where: str) -> None:
    """Refuse rows of counts whose total is 0.

    Raises:
        DataError: There is one.
    """
    bare = x.flatten(1).sum(1) == 0
    if bool(bare.any()):
        raise DataError(
            f"{where} got {int(bare.sum())} of {len(x)} rows whose total is 0, the first is row "
            f"{int(bare.nonzero()[0])}; nothing was counted there: drop them, as "
            "data.counts(..., drop_empty=True) and data.documents do"
        )
