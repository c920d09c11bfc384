"""A history as the curves take it, whatever a file holds."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

_LONGEST = 40  # letters of a name


def finite_history(entries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The entries with an epoch and a training bound, and of those the finite numbers.

    What is missing elsewhere is None. Names too long for a legend are cut.

    Args:
        entries: One an epoch.
    """
    names = list(dict.fromkeys(name for entry in entries for name in entry))
    rows = [{name: _number(entry.get(name)) for name in names} for entry in entries]
    rows = [r for r in rows if r.get("epoch") is not None and r.get("train") is not None]
    held = [name for name in names if any(row[name] is not None for row in rows)]
    return [{_shortened(name): row[name] for name in held} for row in rows]


def _shortened(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[:_LONGEST]}..."


def _number(value: Any) -> int | float | None:  # noqa: ANN401
    return value if is_finite(value) else None


def is_finite(value: Any) -> bool:  # noqa: ANN401
    """Whether a value, whoever wrote it, is a finite number."""
    try:
        return type(value) in (int, float) and math.isfinite(value)
    except OverflowError:  # a whole number beyond what a float holds
        return False
