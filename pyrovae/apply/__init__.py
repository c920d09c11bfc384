"""Uses of a trained pair.

Importing this package imports no use: a name is looked up when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

# Where the names of this package are defined. The type checkers' list of the same names is below.
_PLACES = {
    "Arithmetic": "arithmetic",
    "Denoised": "denoising.denoised",
    "Finding": "base",
    "Interpolation": "interpolation.strips",
    "Restoration": "denoising.restore",
    "arithmetic": "arithmetic",
    "attribute_vector": "attributes",
    "corner_grid": "interpolation.grids",
    "denoise": "denoise",
    "fit_density": "density",
    "interpolate": "interpolate",
    "latent_manifold": "interpolation.grids",
    "move": "attributes",
    "pulled_back_metric": "interpolation.pulled_back",
    "restore": "denoising.restore",
}

COMMANDS: dict[str, str] = {
    "denoise": "add noise to test data and remove it: a run beside classical filters",
    "interpolate": "go from one datum to another through latent space",
    "arithmetic": "take one class away from data and add another",
}
"""The uses that `pyrovae USE RUN` offers, by name, and what each does."""

if TYPE_CHECKING:
    from .arithmetic import Arithmetic, arithmetic
    from .attributes import attribute_vector, move
    from .base import Finding
    from .denoise import denoise
    from .denoising.denoised import Denoised
    from .denoising.restore import Restoration, restore
    from .density import fit_density
    from .interpolate import interpolate
    from .interpolation.grids import corner_grid, latent_manifold
    from .interpolation.pulled_back import pulled_back_metric
    from .interpolation.strips import Interpolation

__all__ = [
    "COMMANDS",
    "Arithmetic",
    "Denoised",
    "Finding",
    "Interpolation",
    "Restoration",
    "arithmetic",
    "attribute_vector",
    "corner_grid",
    "denoise",
    "fit_density",
    "interpolate",
    "latent_manifold",
    "move",
    "pulled_back_metric",
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
