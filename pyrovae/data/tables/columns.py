"""The columns of a table: rows as tensors, and tensors as rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any, get_args

import numpy as np
import torch
from torch import Tensor

from ...errors import ConfigError, DataError
from .cells import Cells, as_table, names_of, read_cells
from .column import Kind, TableColumn, Unseen
from .inference import column_of, is_number


class TableColumns(Sequence[TableColumn]):
    """The columns of a table, as its training rows show them.

    `print` shows what each was taken for.

    Args:
        columns: One or more, of different names.

    Raises:
        ConfigError: There is none, or two have one name.

    Example:
        >>> rows = {"t": [-31.5, 44.0, None], "smokes": ["no", "yes", "no"]}
        >>> columns = TableColumns.of(rows)
        >>> print(columns)
        column  kind    values
        t       real    mean 6.25, standard deviation 37.75
        smokes  binary  'no', 'yes'
        >>> x, mask = columns.encode(rows)
        >>> columns.decode(x[:2])
        {'t': [-31.5, 44.0], 'smokes': ['no', 'yes']}
    """

    def __init__(self, columns: Sequence[TableColumn]) -> None:
        self.columns = tuple(columns)
        names = [column.name for column in self.columns]
        if not names or len(set(names)) < len(names):
            raise ConfigError(f"the columns are {names}; give one or more, of different names")

    @classmethod
    def of(
        cls,
        frame: Any,  # noqa: ANN401 (pandas and polars are optional)
        *,
        kinds: Mapping[str, Kind] | None = None,
        levels: Mapping[str, Sequence[Any]] | None = None,
        max_categories: int = 50,
    ) -> TableColumns:
        """The columns of training rows.

        Where `kinds` does not say it, a column of truth values, of two texts or of two whole
        numbers is binary; other text is categorical, and ordinal where its type or `levels` gives
        an order. Whole numbers from 0 are counts where their variance is at least half of their
        mean; that of a Poisson variable equals its mean. Numbers above 0 are positive where a
        log-normal fits them better than a normal does, by .05 nats a row. Other numbers are real.
        Codes of categories that are numbers look like counts: say that they are categorical.

        Args:
            frame: Training rows: a frame of pandas or polars, or a dict of columns. Missing cells
                are NaN, None, or null.
            kinds: Kinds by the column's name.
            levels: Levels from the lowest, or categories, by the column's name. A column of which
                levels are given is ordinal, unless `kinds` says otherwise.
            max_categories: The most that a column may have, unless its type or `levels` names
                them.

        Raises:
            ConfigError: A name or a kind is not known, or does not fit its column.
            DataError: See `read_cells`; a column is all missing or constant, or has too many
                categories.
        """
        return cls.of_cells(read_cells(frame), kinds, levels, max_categories)

    @classmethod
    def of_cells(
        cls,
        cells: Sequence[Cells],
        kinds: Mapping[str, Kind] | None = None,
        levels: Mapping[str, Sequence[Any]] | None = None,
        max_categories: int = 50,
    ) -> TableColumns:
        """The same of cells that were read."""
        names = [each.name for each in cells]
        for argument, given in (("kinds", kinds or {}), ("levels", levels or {})):
            strange = [name for name in given if name not in names]
            if strange:
                raise ConfigError(
                    f"{argument}: there is no column {strange[0]!r}; the columns are {names}"
                )
        for what, fails in (("no value in the training rows", _is_bare), ("one value", _is_one)):
            bad = [each.name for each in cells if fails(each)]
            if bad:
                raise DataError(
                    f"the columns {bad} have {what}, from which nothing is learned; leave them "
                    "out by columns="
                )
        return cls(
            [
                column_of(
                    each,
                    (kinds or {}).get(each.name),
                    (levels or {}).get(each.name),
                    max_categories,
                )
                for each in cells
            ]
        )

    def encode(
        self,
        frame: Any,  # noqa: ANN401
        *,
        unseen: Unseen = "error",
    ) -> tuple[Tensor, Tensor]:
        """Rows x [N, D] in float32, and their mask [N, D], True where a cell is observed.

        A number is in its own units, a category or a level is its code, and in the place of what
        is missing stands some value of the column.

        Args:
            frame: Rows with these columns, in any order, or the path of a file of them. Other
                columns, such as a number of the row, are not read.
            unseen: What becomes of categories that training did not see: an "error", or they are
                taken as "missing".

        Raises:
            ConfigError: `unseen` is another word.
            DataError: Columns are missing, or a cell does not fit its column.
        """
        frame = as_table(frame)
        there = names_of(frame)
        lost = [name for name in self.names if name not in there]
        if lost:
            new = [name for name in there if name not in self.names]
            besides = f", and {new} are new" if new else ""
            raise DataError(
                f"the columns have changed: {lost} of the training are not there{besides}; rename "
                "what has another name, or add a column of missing cells for what is not known, "
                f"as in frame[{lost[0]!r}] = [None] * len(frame)"
            )
        return self.encode_cells(read_cells(frame, self.names), unseen)

    def encode_cells(
        self, cells: Sequence[Cells], unseen: Unseen = "error"
    ) -> tuple[Tensor, Tensor]:
        """The same of cells that were read, in the order of the columns."""
        if unseen not in get_args(Unseen):
            raise ConfigError(f'unseen={unseen!r} is not known; give "error" or "missing"')
        each = [column.encode(c, unseen) for column, c in zip(self, cells, strict=True)]
        x = np.stack([values for values, _ in each], 1).astype(np.float32)
        mask = np.stack([observed for _, observed in each], 1)
        return torch.from_numpy(x), torch.from_numpy(mask)

    def decode(self, x: Tensor, mask: Tensor | None = None) -> dict[str, list[Any]]:
        """The values of each column, by its name, of rows x [N, D].

        Args:
            x: Numbers in their own units, and codes.
            mask: Where they are known; elsewhere stands None.

        Raises:
            DataError: x has another number of columns.
        """
        if x.dim() != 2 or x.shape[1] != len(self):
            raise DataError(
                f"rows of shape {list(x.shape)} are no rows of {len(self)} columns; give "
                f"[N, {len(self)}]"
            )
        table = x.detach().cpu().double().numpy()
        found = {column.name: column.decode(table[:, i]) for i, column in enumerate(self)}
        if mask is not None:
            for i, name in enumerate(self.names):
                kept = mask[:, i].tolist()
                found[name] = [v if k else None for v, k in zip(found[name], kept, strict=True)]
        return found

    def frame(self, x: Tensor, mask: Tensor | None = None) -> Any:  # noqa: ANN401
        """The same as a frame of pandas, or of polars where pandas is not installed.

        Raises:
            ConfigError: Neither is installed.
        """
        library = next((each for each in ("pandas", "polars") if find_spec(each)), None)
        if library is None:
            raise ConfigError("pandas and polars are not installed; take the dict of `decode`")
        return import_module(library).DataFrame(self.decode(x, mask))

    @property
    def names(self) -> list[str]:
        """The names of the columns, in order."""
        return [column.name for column in self.columns]

    def to_json(self) -> list[dict[str, Any]]:
        """Plain values, which `from_json` takes."""
        return [column.to_json() for column in self.columns]

    @classmethod
    def from_json(cls, given: Sequence[Mapping[str, Any]] | TableColumns) -> TableColumns:
        """The columns of such plain values; columns as they are.

        Raises:
            ConfigError: They describe no columns.
        """
        if isinstance(given, TableColumns):
            return given
        if isinstance(given, str) or not all(isinstance(each, Mapping) for each in given):
            raise ConfigError(
                f"columns is {given!r}; give a TableColumns, or what its to_json() gives"
            )
        return cls([TableColumn.from_json(each) for each in given])

    def __len__(self) -> int:
        return len(self.columns)

    def __getitem__(self, place: Any) -> Any:  # noqa: ANN401
        return self.columns[place]

    def __iter__(self) -> Iterator[TableColumn]:
        return iter(self.columns)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TableColumns) and self.columns == other.columns

    def __hash__(self) -> int:
        return hash(self.columns)

    def __repr__(self) -> str:
        return f"TableColumns({', '.join(f'{c.name}: {c.kind}' for c in self.columns)})"

    def __str__(self) -> str:
        rows = [("column", "kind", "values"), *((c.name, c.kind, _shown(c)) for c in self.columns)]
        wide = [max(len(str(row[i])) for row in rows) for i in (0, 1)]
        return "\n".join(f"{a!s:{wide[0]}}  {b:{wide[1]}}  {c}" for a, b, c in rows)


def _is_bare(cells: Cells) -> bool:
    return bool(cells.absent.all())


def _is_one(cells: Cells) -> bool:
    return len(set(cells.present().tolist())) == 1


def _shown(column: TableColumn) -> str:
    if column.is_number:
        of = {"positive": "log x: ", "count": "log(1 + x): "}.get(column.kind, "")
        return f"{of}mean {column.shift:.4g}, standard deviation {column.scale:.4g}"
    between = " < " if column.kind == "ordinal" else ", "
    more = f" and {len(column.values) - 10} more" if len(column.values) > 10 else ""
    return between.join(map(repr, column.values[:10])) + more + _remark(column)


def _remark(column: TableColumn) -> str:
    """Of categories that may be meant otherwise: padded ones, and those that read as numbers."""
    texts = [value for value in column.values if isinstance(value, str)]
    numbers = [text for text in texts if is_number(text)]
    padded = [text for text in texts if text != text.strip()]
    if padded:
        return f"; {padded[0]!r} has spaces at its ends: strip them, or is it a missing value?"
    if column.kind != "categorical" or len(numbers) < max(2, len(texts) / 2):
        return ""
    return "; text that reads as numbers: convert the column if it holds numbers"
