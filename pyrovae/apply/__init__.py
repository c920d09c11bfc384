"""Uses of a trained pair.

Importing this package imports no use: a name is looked up when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

# Where the names of this package are defined. The type checkers' list of the same names is below.
_PLACES = {
    "CompressOptions": "compression.options",
    "Compression": "compression.rates",
    "DEFAULT_CHUNK": "compression.options",
    "Finding": "base",
    "Lossy": "compression.lossy",
    "RateDistortion": "compression.rate_distortion",
    "compress": "compression.lossless",
    "compress_file": "compression.lossless",
    "decompress": "compression.lossless",
    "decompress_file": "compression.lossless",
    "fit_density": "density",
    "lossy": "compression.lossy",
    "rate_distortion": "compression.rate_distortion",
}

COMMANDS: dict[str, str] = {
    "lossy": "code data with loss: latents on a grid, under the prior",
}
"""The uses that `pyrovae USE RUN` offers, by name, and what each does."""

if TYPE_CHECKING:
    from .base import Finding
    from .compression.lossless import compress, compress_file, decompress, decompress_file
    from .compression.lossy import Lossy, lossy
    from .compression.options import DEFAULT_CHUNK, CompressOptions
    from .compression.rate_distortion import RateDistortion, rate_distortion
    from .compression.rates import Compression
    from .density import fit_density

__all__ = [
    "COMMANDS",
    "CompressOptions",
    "Compression",
    "DEFAULT_CHUNK",
    "Finding",
    "Lossy",
    "RateDistortion",
    "compress",
    "compress_file",
    "decompress",
    "decompress_file",
    "fit_density",
    "lossy",
    "rate_distortion",
]


if not TYPE_CHECKING:  # type checkers would take every name as known

    def __getattr__(name: str) -> object:
        if name not in _PLACES:
            raise AttributeError(f"{__name__} has no {name!r}", name=name)
        found = globals()[name] = getattr(import_module(f".{_PLACES[name]}", __name__), name)
        return found

    def __dir__() -> list[str]:
        return sorted(__all__)
