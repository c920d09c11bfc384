"""Variational autoencoders as Pyro programs.

A (model, guide) pair and a batch become `Particles`; an objective is a function of `Particles`.

Importing this package imports neither torch nor Pyro: a name is looked up when it is first used.
The names of `pyrovae.models` and `pyrovae.objectives` are here too, such as `pyrovae.VAE`.
"""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import TYPE_CHECKING

__version__ = "0.1.0"

# Where the names of this package are defined, besides its modules. The type checkers' list of the
# same names is below.
_PLACES = {
    "errors": ("PyrovaeError",),
    "evaluate": (
        "active_units", "ais", "bdmc", "compare", "compare_training", "diagnose",
        "disentanglement", "elbo_parts", "elbo_surgery", "entropies", "gradients",
        "inference_gaps", "log_evidence",
        "perplexity", "posterior_means", "sample_quality", "traverse",
    ),
    "linter": ("check",),
    "particles": ("Particles", "draw"),
    "reporting": ("report",),
    "runtime.interrupts": ("Interrupted",),
    "runtime.result": ("Result",),
    "particles.kl": ("kl_routes",),
    "particles.parameters": ("buffers", "declare", "frozen", "trainable"),
    "particles.penalty": ("penalty",),
    "train": ("SVI", "fit", "save"),
    "cli.load": ("load",),
}  # fmt: skip
_PLACE_OF = {name: place for place, names in _PLACES.items() for name in names}

# Packages whose names are all names of this package too, and those where an error finds a name.
_WHOLE = ("models", "objectives")
_OTHERS = ("nn", "nn.flows", "data", "train", "evaluate", "particles", "errors")

if TYPE_CHECKING:
    from . import apply as apply
    from . import data as data
    from . import errors as errors
    from . import evaluate as evaluate
    from . import math as math
    from . import models as models
    from . import nn as nn
    from . import objectives as objectives
    from . import particles as particles
    from . import plots as plots
    from . import reporting as reporting
    from . import train as train
    from .cli.load import load
    from .errors import PyrovaeError
    from .evaluate import (
        active_units,
        ais,
        bdmc,
        compare,
        compare_training,
        diagnose,
        disentanglement,
        elbo_parts,
        elbo_surgery,
        entropies,
        gradients,
        inference_gaps,
        log_evidence,
        perplexity,
        posterior_means,
        sample_quality,
        traverse,
    )
    from .linter import check
    from .models import *  # noqa: F403
    from .objectives import *  # noqa: F403
    from .particles import Particles, draw
    from .particles.kl import kl_routes
    from .particles.parameters import buffers, declare, frozen, trainable
    from .particles.penalty import penalty
    from .reporting import report
    from .runtime.interrupts import Interrupted
    from .runtime.result import Result
    from .train import SVI, fit, save

__all__ = [
    "SVI",
    "Interrupted",
    "Particles",
    "PyrovaeError",
    "Result",
    "active_units",
    "ais",
    "bdmc",
    "buffers",
    "check",
    "compare",
    "compare_training",
    "data",
    "declare",
    "diagnose",
    "disentanglement",
    "draw",
    "elbo_parts",
    "elbo_surgery",
    "entropies",
    "fit",
    "frozen",
    "gradients",
    "inference_gaps",
    "kl_routes",
    "load",
    "log_evidence",
    "models",
    "nn",
    "objectives",
    "penalty",
    "perplexity",
    "posterior_means",
    "report",
    "sample_quality",
    "save",
    "trainable",
    "traverse",
]


def _find(name: str) -> object:
    """What the package offers under a name: a module, or what one of them defines."""
    if name.startswith("_"):
        raise AttributeError(f"{__name__} has no {name!r}", name=name)
    if name in _PLACE_OF:
        found = getattr(_module(_PLACE_OF[name]), name)
    elif name in _modules():
        found = _module(name)
    else:
        whole = next((p for p in map(_module, _WHOLE) if name in p.__all__), None)
        if whole is None:
            raise _NoSuchName(name, name=name)
        found = getattr(whole, name)
    globals()[name] = found  # so that it is looked up once
    return found


class _NoSuchName(AttributeError):
    """Looks for what is nearly called so only when it is printed: `hasattr` never asks."""

    __module__, __qualname__ = "builtins", "AttributeError"  # as which it is printed

    def __str__(self) -> str:
        return _what_is_there(str(self.args[0]))


def _module(path: str) -> ModuleType:
    return import_module(f".{path}", __name__)


@cache
def _modules() -> frozenset[str]:
    return frozenset(m.name for m in iter_modules(__path__) if m.name[0] != "_")  # noqa: F405


def _names() -> list[str]:
    whole = [name for path in _WHOLE for name in _module(path).__all__]
    return sorted({*__all__, *_modules(), *whole})


def _what_is_there(name: str) -> str:
    """The message for a name that does not exist: where it is, or what is nearly called so."""
    from difflib import get_close_matches

    for path in _OTHERS:
        known = vars(_module(path))
        if name in known.get("__all__", known):
            return f"{__name__} has no {name!r}; it is {__name__}.{path}.{name}"
    known = {known.lower(): known for known in _names()}
    near = [name.lower()] if name.lower() in known else get_close_matches(name.lower(), known)
    hint = " or ".join(repr(known[found]) for found in near)
    return f"{__name__} has no {name!r}" + (f"; do you mean {hint}?" if hint else "")


if not TYPE_CHECKING:  # type checkers would take every name as known

    def __getattr__(name: str) -> object:
        return _find(name)

    def __dir__() -> list[str]:
        return _names()
