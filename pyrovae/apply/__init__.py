"""Uses of a trained pair.

Importing this package imports no use: a name is looked up when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

# Where the names of this package are defined. The type checkers' list of the same names is below.
_PLACES = {
    "Finding": "base",
    "fit_density": "density",
    "Anomalies": "anomaly.finding",
    "AnomalyDetector": "anomaly.detector",
    "CalibrationWarning": "anomaly.conformal",
    "detect_anomalies": "anomaly.detect",
    "discrimination": "anomaly.discrimination",
    "foreign_data": "anomaly.foreign",
    **dict.fromkeys(
        ("ELBOScore", "EvidenceScore", "InputComplexity", "KLScore", "LatentDensity",
         "LikelihoodRatio", "ReconstructionScore", "Score", "Typicality", "fit_background",
         "typicality_test"),
        "anomaly.scores",
    ),
}  # fmt: skip

COMMANDS: dict[str, str] = {
    "anomaly": "compare scores in how well they find foreign data or a held-out class",
}
"""The uses that `pyrovae USE RUN` offers, by name, and what each does."""

FUNCTIONS = {"anomaly": "detect_anomalies"}
"""The functions of the uses that are called otherwise than their commands."""

if TYPE_CHECKING:
    from .anomaly.conformal import CalibrationWarning
    from .anomaly.detect import detect_anomalies
    from .anomaly.detector import AnomalyDetector
    from .anomaly.discrimination import discrimination
    from .anomaly.finding import Anomalies
    from .anomaly.foreign import foreign_data
    from .anomaly.scores import (
        ELBOScore,
        EvidenceScore,
        InputComplexity,
        KLScore,
        LatentDensity,
        LikelihoodRatio,
        ReconstructionScore,
        Score,
        Typicality,
        fit_background,
        typicality_test,
    )
    from .base import Finding
    from .density import fit_density

__all__ = [
    "Anomalies",
    "AnomalyDetector",
    "COMMANDS",
    "CalibrationWarning",
    "ELBOScore",
    "EvidenceScore",
    "Finding",
    "InputComplexity",
    "KLScore",
    "LatentDensity",
    "LikelihoodRatio",
    "ReconstructionScore",
    "Score",
    "Typicality",
    "detect_anomalies",
    "discrimination",
    "fit_background",
    "fit_density",
    "foreign_data",
    "typicality_test",
]


if not TYPE_CHECKING:  # type checkers would take every name as known

    def __getattr__(name: str) -> object:
        if name not in _PLACES:
            raise AttributeError(f"{__name__} has no {name!r}", name=name)
        found = globals()[name] = getattr(import_module(f".{_PLACES[name]}", __name__), name)
        return found

    def __dir__() -> list[str]:
        return sorted(__all__)
