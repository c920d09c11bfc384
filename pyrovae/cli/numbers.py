"""Numbers that options of the command take: finite, and of a size that can be meant."""

from math import inf
from typing import Any, Literal, Union

from jsonargparse.typing import restricted_number_type

_MOST = 10**12

# jsonargparse makes these classes as it runs, so that a type checker cannot follow.
Count: Any = restricted_number_type("Count", int, [(">=", 1), ("<=", _MOST)])
CountOrNone: Any = restricted_number_type("CountOrNone", int, [(">=", 0), ("<=", _MOST)])
CountOrAuto: Any = Union[Count, Literal["auto"]]  # noqa: UP007 (made as it runs)
Seed: Any = restricted_number_type("Seed", int, [(">=", 0), ("<=", 2**32 - 1)])
Positive: Any = restricted_number_type("Positive", float, [(">", 0), ("<", inf)])
NotNegative: Any = restricted_number_type("NotNegative", float, [(">=", 0), ("<", inf)])
Share: Any = restricted_number_type("Share", float, [(">=", 0), ("<", 1)])

IN_WORDS: dict[Any, str] = {
    Count: "a whole number above 0",
    CountOrNone: "a whole number, 0 or more",
    CountOrAuto: "a whole number above 0, or auto",
    Seed: "a whole number from 0 to 2^32 - 1",
    Positive: "a number above 0",
    NotNegative: "a number, 0 or more",
    Share: "a number from 0 to below 1",
}
"""What each of them is, for the help and for the messages of errors."""

LARGEST: dict[Any, str] = {Count: "10^12", CountOrNone: "10^12"}
"""What the messages add."""
