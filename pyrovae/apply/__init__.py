"""Uses of a trained pair.

Importing this package imports no use: a name is looked up when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

# Where the names of this package are defined. The type checkers' list of the same names is below.
_PLACES = {
    "Completion": "completion.finding",
    "CompressOptions": "compression.options",
    "Compression": "compression.rates",
    "DEFAULT_CHUNK": "compression.options",
    "Finding": "base",
    "Lossy": "compression.lossy",
    "RateDistortion": "compression.rate_distortion",
    "complete": "completion.complete",
    "compress": "compression.lossless",
    "compress_file": "compression.lossless",
    "decompress": "compression.lossless",
    "decompress_file": "compression.lossless",
    "fit_density": "density",
    "invert": "completion.invert",
    "lossy": "compression.lossy",
    "rate_distortion": "compression.rate_distortion",
    "super_resolve": "completion.super_resolve",
}

COMMANDS: dict[str, str] = {
    "lossy": "code data with loss: latents on a grid, under the prior",
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
    from .compression.lossless import compress, compress_file, decompress, decompress_file
    from .compression.lossy import Lossy, lossy
    from .compression.options import DEFAULT_CHUNK, CompressOptions
    from .compression.rate_distortion import RateDistortion, rate_distortion
    from .compression.rates import Compression
    from .density import fit_density

__all__ = [
    "COMMANDS",
    "Completion",
    "CompressOptions",
    "Compression",
    "DEFAULT_CHUNK",
    "Finding",
    "Lossy",
    "RateDistortion",
    "complete",
    "compress",
    "compress_file",
    "decompress",
    "decompress_file",
    "fit_density",
    "invert",
    "lossy",
    "rate_distortion",
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
