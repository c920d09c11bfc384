"""Scores of how normal data look to a trained pair: higher is more normal."""

from collections.abc import Callable, Mapping
from typing import Literal

from ....errors import ConfigError
from .background import background_of, fit_background, mutated
from .base import Score
from .complexity import InputComplexity
from .elbo import ELBOScore
from .evidence import EvidenceScore
from .kl import KLScore
from .latent_density import LatentDensity
from .ratio import LikelihoodRatio
from .reconstruction import ReconstructionScore
from .typicality import Typicality, typicality_test

__all__ = [
    "ELBOScore",
    "EvidenceScore",
    "InputComplexity",
    "KLScore",
    "LatentDensity",
    "LikelihoodRatio",
    "ReconstructionScore",
    "Score",
    "ScoreName",
    "Typicality",
    "as_score",
    "background_of",
    "fit_background",
    "mutated",
    "score_names",
    "typicality_test",
]

ScoreName = Literal[
    "elbo", "evidence", "reconstruction", "kl", "latent", "typicality", "complexity"
]
"""Scores that need nothing but the pair and data."""

_BY_NAME: Mapping[str, Callable[[], Score]] = {
    made.name: made
    for made in (
        ELBOScore,
        EvidenceScore,
        ReconstructionScore,
        KLScore,
        LatentDensity,
        Typicality,
        InputComplexity,
    )
}


def score_names() -> list[str]:
    """The names that `as_score` knows."""
    return list(_BY_NAME)


def as_score(given: ScoreName | Score | str) -> Score:
    """The score of a name, with its own settings; a score as it is.

    Raises:
        ConfigError: There is none of that name.
    """
    if isinstance(given, Score):
        return given
    if given not in _BY_NAME:
        hint = "LikelihoodRatio(background), of a second pair" if given == "ratio" else "a Score"
        raise ConfigError(f"there is no score {given!r}; use one of {sorted(_BY_NAME)}, or {hint}")
    return _BY_NAME[given]()
