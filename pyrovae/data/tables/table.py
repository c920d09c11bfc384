"""A data set of the rows of a table with mixed columns."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DataError
from ...runtime.log import LOG
from ..base import Dataset, Split, partition, supplying
from .cells import read_cells
from .column import Kind, Unseen
from .columns import TableColumns


@supplying("columns")
def table(
    source: str | Path | Any,  # noqa: ANN401 (pandas and polars are optional)
    *,
    columns: Sequence[str] | None = None,
    kinds: Mapping[str, Kind] | None = None,
    levels: Mapping[str, Sequence[str | int | float | bool]] | None = None,
    max_categories: int = 50,
    unseen: Unseen = "error",
    val: int | float = 0.1,
    test: int | float = 0.1,
    seed: int = 0,
) -> Dataset:
    """The rows of a table, split at random: x [N, D], and the mask y [N, D] of what is observed.

    A column is real, positive, a count, ordinal, binary or categorical. What it was taken for
    says `print(data.TableColumns.from_json(found.supplies["columns"]))`, and the log. Numbers
    stay in their own units, categories and levels become codes; `TableColumns` has the way back.
    Categories, and the scales by which networks see numbers, are those of the rows for training.
    `models.TableVAE` takes `columns=found.supplies["columns"]`, and is called with both x and y
    (`found.labelled()`).

    A row of which every cell is missing tells nothing; such rows are dropped, and counted in
    `info["dropped_rows"]`.

    Args:
        source: A frame of pandas or polars, a dict of columns, or the path of a CSV or parquet
            file. Empty cells, NaN and null are missing values.
        columns: Names of the columns that are used; None is all.
        kinds: Kinds by the column's name, where the inference is not what is meant: whole numbers
            that are codes, say. See `TableColumns.of` for its rules.
        levels: Levels from the lowest, or categories, by the column's name.
        max_categories: The most that a column of text may have.
        unseen: What becomes of a category that no row for training has: an "error", or the cell
            is taken as "missing".
        val: Share of the rows as a float, or their number as an integer.
        test: The same for `test`.
        seed: Seed of the split.

    Raises:
        ConfigError: A column, a kind or a word is not known, or no library reads the file.
        DataError: The file is missing or damaged, or a column cannot be used: it holds dates,
            values of several kinds, infinite numbers, too many categories, one value or none.

    Example:
        >>> ages, smoke = [31.0, 44.5, None, 29.0] * 5, ["no", "yes", "no", None] * 5
        >>> found = table({"age": ages, "smokes": smoke}, val=2, test=2)
        >>> found.train, [c["kind"] for c in found.supplies["columns"]]
        (Split(16 x [2] float32, labels bool), ['positive', 'binary'])
    """
    cells = read_cells(source, columns)
    bare = np.logical_and.reduce([each.absent for each in cells])
    dropped = int(bare.sum())
    if dropped:
        LOG.info("table: %d of %d rows have no value and are dropped", dropped, len(bare))
        cells = [each.take(~bare) for each in cells]
    n = len(cells[0])
    if not n:
        raise DataError("table: there is no row with a value; give at least one")
    rows = partition("table", n, (_count("val", val, n), _count("test", test, n)), seed)
    found = TableColumns.of_cells(
        [each.take(rows[0].numpy()) for each in cells], kinds, levels, max_categories
    )
    LOG.info("%s", found)
    x, mask = found.encode_cells(cells, unseen)
    keeps = mask.any(1)  # a row may have held nothing but a category that is taken as missing
    made = [Split(x[index][keeps[index]], mask[index][keeps[index]]) for index in rows]
    info = {
        "binarize": "none", "levels": None, "unit": False, "seed": seed,
        "dropped_rows": dropped + int((~keeps).sum()),
        "missing": 1.0 - float(mask.double().mean()),
    }  # fmt: skip
    train, held_out, last = made
    return Dataset("table", train, held_out, last, info, {"columns": found.to_json()})


def _count(name: str, size: float | int, n: int) -> int:
    if isinstance(size, float):
        if not 0 <= size < 1:
            raise DataError(
                f"table: {name}={size} is no share of the rows; give a float in [0, 1), or a "
                "number of rows"
            )
        return round(size * n)
    return size
