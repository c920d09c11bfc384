"""Uses of a trained pair.

Importing this package imports no use: a name is looked up when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

# Where the names of this package are defined. The type checkers' list of the same names is below.
_PLACES = {
    "Denoised": "denoising.denoised",
    "Finding": "base",
    "Restoration": "denoising.restore",
    "denoise": "denoise",
    "fit_density": "density",
    "restore": "denoising.restore",
}

COMMANDS: dict[str, str] = {
    "denoise": "add noise to test data and remove it: a run beside classical filters",
}
"""The uses that `pyrovae USE RUN` offers, by name, and what each does."""

if TYPE_CHECKING:
    from .base import Finding
    from .denoise import denoise
    from .denoising.denoised import Denoised
    from .denoising.restore import Restoration, restore
    from .density import fit_density

__all__ = [
    "COMMANDS",
    "Denoised",
    "Finding",
    "Restoration",
    "denoise",
    "fit_density",
    "restore",
]


if not TYPE_CHECKING:  # type checkers would take every name as known

    def __getattr__(name: str) -> object:
        if name not in _PLACES:
            raise AttributeError(f"{__name__} has no {name!r}", name=name)
        found = globals()[name] = getattr(import_module(f".{_PLACES[name]}", __name__), name)
        return found

    def __dir__() -> list[str]:
        return sorted(__all__)
