"""What a column of the training rows is: its kind, its categories and its scale."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...errors import ConfigError, DataError
from .cells import Cells
from .column import NUMBERS, Kind, TableColumn

_WHOLE = 2.0**24  # up to which float32 holds whole numbers
_LEAST = float(np.finfo(np.float32).tiny)
_GAIN = 0.05  # nats a row, by which a log-normal has to be better than a normal
_DIGITS = 1e5  # a mean so many standard deviations from zero leaves float32 two digits


def column_of(
    cells: Cells, kind: Kind | None, levels: Sequence[Any] | None, max_categories: int
) -> TableColumn:
    """The column that the training rows show; `TableColumns.of` says by which rules.

    Args:
        cells: Of the training rows, not all missing and not all equal.
        kind: What the user says that it is.
        levels: Its categories or levels, in order, as the user says.
        max_categories: The most that are plausible.

    Raises:
        ConfigError: The user's words do not fit the cells.
        DataError: There are too many categories, or float32 cannot hold the numbers.
    """
    name = cells.name
    kind = kind or _inferred(cells, levels is not None)
    if kind not in NUMBERS:
        return TableColumn(name, kind, _values(cells, kind, levels, max_categories))
    if levels is not None:
        raise ConfigError(f"column {name!r} is {kind}, and numbers have no levels; leave them out")
    if cells.form == "text":
        raise ConfigError(
            f"column {name!r} is called {kind} and holds text, such as {cells.present()[0]!r}; "
            "call it categorical or ordinal, or give numbers"
        )
    numbers = cells.present()
    made = TableColumn(name, kind)
    made.encode(cells)  # refuses numbers outside of the range
    seen = {"positive": np.log, "count": np.log1p}.get(kind, np.asarray)(numbers)
    shift, scale = float(seen.mean()), float(seen.std())
    middle, spread = float(numbers.mean()), float(numbers.std())
    if abs(middle) > _DIGITS * spread or abs(shift) > _DIGITS * scale:
        raise DataError(
            f"column {name!r} lies around {middle:g} with a standard deviation of {spread:g}, "
            "which the digits of float32 do not tell apart; subtract a number such as its mean"
        )
    if scale < _LEAST:
        raise DataError(
            f"column {name!r} has a standard deviation of {scale:g}, which float32 does not hold; "
            "give it in other units"
        )
    return TableColumn(name, kind, (), shift, scale)


def _inferred(cells: Cells, has_levels: bool) -> Kind:
    if has_levels or cells.ordered:
        return "ordinal"
    labels = set(cells.declared or cells.present())
    if cells.form == "truth values":
        return "binary"
    if cells.form == "text":
        return "binary" if len(labels) == 2 else "categorical"
    x = cells.present()
    whole = bool((x == np.round(x)).all())
    if whole and len(labels) == 2:
        return "binary"
    if whole and 0 <= x.min() and x.max() < _WHOLE and x.var() >= x.mean() / 2:
        return "count"
    return "positive" if x.min() > 0 and _log_is_nearer_to_normal(x) else "real"


def _log_is_nearer_to_normal(x: np.ndarray) -> bool:
    """Whether the best log-normal gives a clearly higher likelihood than the best normal."""
    log_x = np.log(x)
    if log_x.std() == 0:
        return False
    return bool(np.log(x.std()) - np.log(log_x.std()) - log_x.mean() > _GAIN)


def _values(
    cells: Cells, kind: Kind, levels: Sequence[Any] | None, max_categories: int
) -> tuple[Any, ...]:
    """The categories or levels of a column, in order."""
    name = cells.name
    if levels is not None:
        return tuple(levels)
    if cells.declared:
        return cells.declared
    if cells.form == "truth values":
        return (False, True)
    seen = Counter(label for label in cells.labels() if label is not None)
    if kind == "ordinal" and cells.form == "text":
        raise ConfigError(
            f"column {name!r} is ordinal and holds text, of which the order is not known; give "
            f"it, from the lowest, by levels={{{name!r}: [...]}} of {sorted(seen)[:10]}"
        )
    if len(seen) > max_categories:
        raise DataError(
            f"column {name!r} holds {len(seen)} different {cells.form} in {len(cells)} rows, and "
            f"{max_categories} categories are the most{_nearly_numbers(seen)}; leave it out by "
            "columns=, join rare categories, or raise max_categories"
        )
    return tuple(sorted(seen))


def _nearly_numbers(seen: Counter[Any]) -> str:
    """A remark where most of the texts read as numbers."""
    strange = {text: count for text, count in seen.items() if not is_number(text)}
    if len(strange) > len(seen) / 2:
        return ""
    if not strange:
        return " (all of them read as numbers: convert the column)"
    text, count = max(strange.items(), key=lambda each: each[1])
    return f" (most read as numbers, and {text!r} stands {count} times: is that a missing value?)"


def is_number(text: Any) -> bool:  # noqa: ANN401
    """Whether a text reads as a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True
