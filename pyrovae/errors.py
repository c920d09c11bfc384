"""Errors and warnings; a message names the place, what came, what was needed and a way out."""

import sys
import warnings

# Frames of these packages are between the user's line and the one that warns.
_BETWEEN = {__name__.split(".")[0], "contextlib", "functools", "pyro", "torch"}


def first_line(error: BaseException) -> str:
    """The first line of an error's message; the name of its class where it has none."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def warn(message: str, kind: type[Warning]) -> None:
    """Warn at the user's line: the nearest one outside of this library, Pyro and torch.

    `warnings.warn` would name a line that is so many calls above, and the library's functions are
    called from many depths.
    """
    frame = sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").split(".")[0] in _BETWEEN:
        frame = frame.f_back
    warnings.warn_explicit(
        message,
        kind,
        frame.f_code.co_filename,
        frame.f_lineno,
        module=frame.f_globals.get("__name__"),
        registry=frame.f_globals.setdefault("__warningregistry__", {}),
    )


class PyrovaeError(Exception):
    """Base of every error that this library raises on purpose."""


class DataError(PyrovaeError, ValueError):
    """Data are missing, truncated, non-finite or of the wrong kind."""


class ShapeError(PyrovaeError, ValueError):
    """A tensor does not have the shape that its place needs."""


class SupportError(PyrovaeError, ValueError):
    """Data lie outside the support of the likelihood that should score them."""


class PlateError(PyrovaeError, ValueError):
    """The batch plate of a pair is missing, ambiguous or does not enclose a site."""


class ScaleError(PyrovaeError, ValueError):
    """The sites of a pair are scaled unequally, so that no per-datum bound exists."""


class SiteError(PyrovaeError, ValueError):
    """Model and guide do not agree on their sample sites."""


class ReparamError(PyrovaeError, ValueError):
    """A site has no reparameterised sampler, and the estimator needs one."""


class ParameterError(PyrovaeError, ValueError):
    """A parameter of the pair would not train."""


class NonFiniteError(PyrovaeError, ArithmeticError):
    """A loss or a gradient became infinite or not a number."""


class InverseError(PyrovaeError, NotImplementedError):
    """A flow has no inverse, so that it cannot score what it has not drawn."""


class CheckpointError(PyrovaeError, ValueError):
    """A checkpoint is missing, corrupted or belongs to another run."""


class CompressionError(PyrovaeError, ValueError):
    """A compressed file is damaged, belongs to another model, or cannot be made exactly."""


class SaveError(PyrovaeError, OSError):
    """A file cannot be written: no room, no permission, no such folder."""


class ConfigError(PyrovaeError, ValueError):
    """A configuration names something that does not exist or does not fit."""


class DecoderWarning(UserWarning):
    """A decoder cannot give all that its likelihood takes, such as logits below 0."""


class DataWarning(UserWarning):
    """Data may be taken for something else than they are."""


class GradientWarning(UserWarning):
    """An estimator follows another gradient than the one that defines it."""


class ParticleAxisWarning(UserWarning):
    """Particles are drawn one by one although they were to be drawn in one pass."""


class CaptureError(PyrovaeError, RuntimeError):
    """A computation cannot be frozen into a graph."""


class CaptureWarning(UserWarning):
    """A computation runs eagerly although it was to be compiled."""


class PlateWarning(UserWarning):
    """Latents of a pair belong to positions in the batch instead of to data."""


class VarianceWarning(UserWarning):
    """An estimate may have infinite variance, so that neither it nor its error can be trusted."""


class RanksError(PyrovaeError, RuntimeError):
    """The processes of one distributed run lost contact, or do not agree on what to do."""
