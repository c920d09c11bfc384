"""Check values that were read from a file, by name, type and range."""

import math
from collections.abc import Mapping
from reprlib import repr as short
from typing import Any

from ..errors import CheckpointError

_LARGEST = 2**53  # whole numbers beyond are not exact as floating point


def whole(held: Mapping[str, Any], name: str, least: int = 0, most: int = _LARGEST) -> int:
    """A whole number from `least` to `most`."""
    value = _value(held, name)
    if type(value) is not int or not least <= value <= most:
        bounds = f"from {least} to {most}" if most < _LARGEST else f"of at least {least}"
        raise _refusal(name, value, f"a whole number {bounds}")
    return value


def real(held: Mapping[str, Any], name: str, least: float = -math.inf) -> float:
    """A finite number of at least `least`."""
    value = _value(held, name)
    # An int as large as a file may hold has no floating point equal.
    if type(value) not in (int, float) or not least <= value <= _HIGHEST or value < -_HIGHEST:
        bounds = "" if least == -math.inf else f" of at least {least:g}"
        raise _refusal(name, value, f"a finite number{bounds}")
    return value


def text(held: Mapping[str, Any], name: str) -> str:
    """A string."""
    value = _value(held, name)
    if not isinstance(value, str):
        raise _refusal(name, value, "a string")
    return value


def table(held: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Values by name."""
    value = _value(held, name)
    if not isinstance(value, dict):
        raise _refusal(name, value, "an object")
    return value


def rows(held: Mapping[str, Any], name: str) -> list[Any]:
    """A list."""
    value = _value(held, name)
    if not isinstance(value, list):
        raise _refusal(name, value, "a list")
    return value


def tables(held: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """A list of values by name."""
    values = rows(held, name)
    for value in values:
        if not isinstance(value, dict):
            raise _refusal(name, value, "a list of objects")
    return values


_HIGHEST = 1.7976931348623157e308


def _value(held: Mapping[str, Any], name: str) -> Any:  # noqa: ANN401
    if name not in held:
        raise CheckpointError(f"it lacks '{name}'")
    return held[name]


def _refusal(name: str, value: Any, needed: str) -> CheckpointError:  # noqa: ANN401
    return CheckpointError(f"its '{name}' is {short(value)} and should be {needed}")
