"""Uses of a trained pair.

Importing this package imports no use: a name is looked up when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

# Where the names of this package are defined. The type checkers' list of the same names is below.
_PLACES = {
    "Augmented": "augmentation.augmented",
    "Features": "representation.transformer",
    "Finding": "base",
    "Probed": "representation.probed",
    "Transferred": "style.finding",
    "augment": "augmentation.augment",
    "augment_by_class": "augmentation.by_class",
    "features": "representation.features",
    "fit_density": "density",
    "transfer": "style.transfer",
}

COMMANDS: dict[str, str] = {
    "augment": "make labelled data by class, from few labelled data",
    "features": "compare latents with raw data and PCA as features, at few labels",
    "transfer": "make the test data anew under other labels, and say what was kept",
}
"""The uses that `pyrovae USE RUN` offers, by name, and what each does."""

if TYPE_CHECKING:
    from .augmentation.augment import augment
    from .augmentation.augmented import Augmented
    from .augmentation.by_class import augment_by_class
    from .base import Finding
    from .density import fit_density
    from .representation.features import features
    from .representation.probed import Probed
    from .representation.transformer import Features
    from .style.finding import Transferred
    from .style.transfer import transfer

__all__ = [
    "COMMANDS",
    "Augmented",
    "Features",
    "Finding",
    "Probed",
    "Transferred",
    "augment",
    "augment_by_class",
    "features",
    "fit_density",
    "transfer",
]


if not TYPE_CHECKING:  # type checkers would take every name as known

    def __getattr__(name: str) -> object:
        if name not in _PLACES:
            raise AttributeError(f"{__name__} has no {name!r}", name=name)
        found = globals()[name] = getattr(import_module(f".{_PLACES[name]}", __name__), name)
        return found

    def __dir__() -> list[str]:
        return sorted(__all__)
