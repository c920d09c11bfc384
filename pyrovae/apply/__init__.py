"""Uses of a trained pair.

Importing this package imports no use: a name is looked up when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

# Where the names of this package are defined. The type checkers' list of the same names is below.
_PLACES = {
    "Anomalies": "anomaly.finding",
    "AnomalyDetector": "anomaly.detector",
    "Arithmetic": "interpolation.arithmetic",
    "Augmented": "augmentation.augmented",
    "CalibrationWarning": "anomaly.conformal",
    "Completion": "completion.finding",
    "CompressOptions": "compression.options",
    "Compression": "compression.rates",
    "DEFAULT_CHUNK": "compression.options",
    "Denoised": "denoising.denoised",
    "ELBOScore": "anomaly.scores",
    "EvidenceScore": "anomaly.scores",
    "Forecast": "forecasting.finding",
    "Features": "representation.transformer",
    "InputComplexity": "anomaly.scores",
    "Interpolation": "interpolation.strips",
    "KLScore": "anomaly.scores",
    "LatentDensity": "anomaly.scores",
    "LikelihoodRatio": "anomaly.scores",
    "Lines": "interpolation.lines",
    "Lossy": "compression.lossy",
    "Probed": "representation.probed",
    "RateDistortion": "compression.rate_distortion",
    "ReconstructionScore": "anomaly.scores",
    "Resemblance": "tables.resemblance",
    "Restoration": "denoising.restore",
    "Score": "anomaly.scores",
    "Transferred": "style.finding",
    "Typicality": "anomaly.scores",
    "arithmetic": "interpolation.arithmetic",
    "attribute_vector": "interpolation.attributes",
    "augment": "augmentation.augment",
    "augment_by_class": "augmentation.by_class",
    "check_calibration": "checking.calibration",
    "complete": "completion.complete",
    "compress": "compression.lossless",
    "compress_file": "compression.lossless",
    "corner_grid": "interpolation.grids",
    "decompress": "compression.lossless",
    "decompress_file": "compression.lossless",
    "denoise": "denoising.denoise",
    "detect_anomalies": "anomaly.detect",
    "discrimination": "anomaly.discrimination",
    "features": "representation.features",
    "fit_background": "anomaly.scores",
    "fit_density": "density",
    "forecast": "forecasting.forecast",
    "foreign_data": "anomaly.foreign",
    "imputed": "tables.filling",
    "interpolate": "interpolation.interpolate",
    "invert": "completion.invert",
    "latent_manifold": "interpolation.grids",
    "lossy": "compression.lossy",
    "move": "interpolation.attributes",
    "predictive_check": "checking.predictive_checks",
    "pulled_back_metric": "interpolation.pulled_back",
    "rate_distortion": "compression.rate_distortion",
    "resemblance": "tables.resembling",
    "restore": "denoising.restore",
    "super_resolve": "completion.super_resolve",
    "synthesise": "tables.making",
    "transfer": "style.transfer",
    "typicality_test": "anomaly.scores",
}

COMMANDS: dict[str, str] = {
    "lossy": "code data with loss: latents on a grid, under the prior",
    "complete": "draw missing parts of data, and score them where they are known",
    "super-resolve": "draw large images given small ones",
    "denoise": "add noise to test data and remove it: a run beside classical filters",
    "interpolate": "go from one datum to another through latent space",
    "arithmetic": "take one class away from data and add another",
    "augment": "make labelled data by class, from few labelled data",
    "forecast": "forecast the last steps of test series, with intervals and their coverage",
    "features": "compare latents with raw data and PCA as features, at few labels",
    "transfer": "make the test data anew under other labels, and say what was kept",
    "detect-anomalies": "compare scores in how well they find foreign data or a held-out class",
    "check-calibration": "test the guide against the posterior, on data that the model makes",
    "predictive-check": "compare statistics of data with those of data that the model draws",
}
"""The uses that `pyrovae USE RUN` offers, by name, and what each does."""

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
    from .augmentation.augment import augment
    from .augmentation.augmented import Augmented
    from .augmentation.by_class import augment_by_class
    from .checking.calibration import check_calibration
    from .checking.predictive_checks import predictive_check
    from .completion.complete import complete
    from .completion.finding import Completion
    from .completion.invert import invert
    from .completion.super_resolve import super_resolve
    from .compression.lossless import compress, compress_file, decompress, decompress_file
    from .compression.lossy import Lossy, lossy
    from .compression.options import DEFAULT_CHUNK, CompressOptions
    from .compression.rate_distortion import RateDistortion, rate_distortion
    from .compression.rates import Compression
    from .denoising.denoise import denoise
    from .denoising.denoised import Denoised
    from .denoising.restore import Restoration, restore
    from .density import fit_density
    from .forecasting.finding import Forecast
    from .forecasting.forecast import forecast
    from .interpolation.arithmetic import Arithmetic, arithmetic
    from .interpolation.attributes import attribute_vector, move
    from .interpolation.grids import corner_grid, latent_manifold
    from .interpolation.interpolate import interpolate
    from .interpolation.lines import Lines
    from .interpolation.pulled_back import pulled_back_metric
    from .interpolation.strips import Interpolation
    from .representation.features import features
    from .representation.probed import Probed
    from .representation.transformer import Features
    from .style.finding import Transferred
    from .style.transfer import transfer
    from .tables.filling import imputed
    from .tables.making import synthesise
    from .tables.resemblance import Resemblance
    from .tables.resembling import resemblance

__all__ = [
    "Anomalies",
    "AnomalyDetector",
    "Arithmetic",
    "Augmented",
    "COMMANDS",
    "CalibrationWarning",
    "Completion",
    "CompressOptions",
    "Compression",
    "DEFAULT_CHUNK",
    "Denoised",
    "ELBOScore",
    "EvidenceScore",
    "Features",
    "Forecast",
    "InputComplexity",
    "Interpolation",
    "KLScore",
    "LatentDensity",
    "LikelihoodRatio",
    "Lines",
    "Lossy",
    "Probed",
    "RateDistortion",
    "ReconstructionScore",
    "Resemblance",
    "Restoration",
    "Score",
    "Transferred",
    "Typicality",
    "arithmetic",
    "attribute_vector",
    "augment",
    "augment_by_class",
    "check_calibration",
    "complete",
    "compress",
    "compress_file",
    "corner_grid",
    "decompress",
    "decompress_file",
    "denoise",
    "detect_anomalies",
    "discrimination",
    "features",
    "fit_background",
    "fit_density",
    "forecast",
    "foreign_data",
    "imputed",
    "interpolate",
    "invert",
    "latent_manifold",
    "lossy",
    "move",
    "predictive_check",
    "pulled_back_metric",
    "rate_distortion",
    "resemblance",
    "restore",
    "super_resolve",
    "synthesise",
    "transfer",
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
