"""Uses of a trained pair.

Importing this package imports no use: a name is looked up when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

# Where the names of this package are defined. The type checkers' list of the same names is below.
_PLACES = {
    "Completion": "completion.finding",
    "Finding": "base",
    "complete": "completion.complete",
    "fit_density": "density",
    "invert": "completion.invert",
    "super_resolve": "completion.super_resolve",
}

COMMANDS: dict[str, str] = {
    "complete": "draw missing parts of data, and score them where they are known",
    "super-resolve": "draw large images given small ones",
}
"""The uses that `pyrovae USE RUN` offers, by name, and what each does."""

if TYPE_CHECKING:
    from .base import Finding
    from .completion.complete import complete
    from .completion.finding import Completion
    from .completion.invert import invert
    from .completion.super_resolve import super_resolve
    from .density import fit_density

__all__ = [
    "COMMANDS",
    "Completion",
    "Finding",
    "complete",
    "fit_density",
    "invert",
    "super_resolve",
]


if not TYPE_CHECKING:  # type checkers would take every name as known

    def __getattr__(name: str) -> object:
        if name not in _PLACES:
            raise AttributeError(f"{__name__} has no {name!r}", name=name)
        found = globals()[name] = getattr(import_module(f".{_PLACES[name]}", __name__), name)
        return found

    def __dir__() -> list[str]:
        return sorted(__all__)
