"""Values of a table's cells, and what JSON has no number for."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

_ERROR = "+-"
_NONE = ("", "-", "?", "n/a", "none")


def named_values(head: Sequence[str], row: Sequence[str]) -> dict[str, Any]:
    """The values of a row by the names of its columns.

    A column that is called "+-" belongs to the one before it, and gets its name.

    Example:
        >>> named_values(["score", "AUROC", "+-", "PSNR"], ["elbo", "0.90", "-", "20 +- 1.5"])
        {'score': 'elbo', 'AUROC': 0.9, 'AUROC +-': None, 'PSNR': 20, 'PSNR +-': 1.5}
    """
    found: dict[str, Any] = {}
    before = ""
    for title, cell in zip(head, row, strict=True):
        name = f"{before} {_ERROR}" if title.strip() == _ERROR else title or "name"
        value, is_pair, error = cell.partition(f" {_ERROR} ")
        if is_pair and not isinstance(value_of(value), str):
            found |= {name: value_of(value), f"{name} {_ERROR}": value_of(error)}
        else:
            found[name] = value_of(cell)
        before = name
    return found


def value_of(cell: str) -> Any:  # noqa: ANN401
    """The number that a cell shows, None where it shows that there is none, else the text."""
    text = cell.strip()
    if text in _NONE:
        return None
    bare = text.replace(",", "") if re.fullmatch(r"[-+]?\d{1,3}(,\d{3})+(\.\d+)?", text) else text
    for number in (int, float):
        try:
            return number(bare)
        except ValueError:
            continue
    return text


def flat(values: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Numbers and texts of nested mappings in one row, their names joined by dots; no lists.

    Example:
        >>> flat({"a": 1, "b": {"c": 2.5, "d": [1, 2]}})
        {'a': 1, 'b.c': 2.5}
    """
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{before}{name}.")
        elif not isinstance(value, list | tuple):
            found[f"{before}{name}"] = value
    return found


def without_nan(value: Any) -> Any:  # noqa: ANN401
    """The same with None in the place of numbers that are not finite, as JSON has none."""
    if isinstance(value, Mapping):
        return {k: without_nan(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
