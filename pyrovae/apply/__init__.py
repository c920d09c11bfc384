"""Uses of a trained pair.

Importing this package imports no use: a name is looked up when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

# Where the names of this package are defined. The type checkers' list of the same names is below.
_PLACES = {
    "Finding": "base",
    "check_calibration": "calibration",
    "fit_density": "density",
    "predictive_check": "predictive_checks",
}

COMMANDS: dict[str, str] = {
    "check-calibration": "test the guide against the posterior, on data that the model makes",
    "predictive-check": "compare statistics of data with those of data that the model draws",
}
"""The uses that `pyrovae USE RUN` offers, by name, and what each does."""

if TYPE_CHECKING:
    from .base import Finding
    from .calibration import check_calibration
    from .density import fit_density
    from .predictive_checks import predictive_check

__all__ = [
    "COMMANDS",
    "Finding",
    "check_calibration",
    "fit_density",
    "predictive_check",
]


if not TYPE_CHECKING:  # type checkers would take every name as known

    def __getattr__(name: str) -> object:
        if name not in _PLACES:
            raise AttributeError(f"{__name__} has no {name!r}", name=name)
        found = globals()[name] = getattr(import_module(f".{_PLACES[name]}", __name__), name)
        return found

    def __dir__() -> list[str]:
        return sorted(__all__)
