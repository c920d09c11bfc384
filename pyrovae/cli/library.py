"""The library's own names: all that the configuration of a stranger can name."""

import inspect
from collections.abc import Callable, Iterable
from functools import cache
from types import ModuleType
from typing import Any

import pyro.infer
import torch

from .. import data, models, nn, objectives
from ..data import Dataset
from ..models import decoding
from .kinds import Kind

Maker = Callable[..., Any]
Family = models.Family


PACKAGES = (nn, nn.flows, nn.quantizers, models)

# Activations and normalizations, which are built from numbers. A configuration can name nothing
# else of torch, so that what it can build is known.
TORCH = (
    "BatchNorm1d", "BatchNorm2d", "CELU", "ELU", "GELU", "Hardshrink", "Hardsigmoid", "Hardswish",
    "Hardtanh", "Identity", "LayerNorm", "LeakyReLU", "LogSigmoid", "Mish", "PReLU", "RMSNorm",
    "RReLU", "ReLU", "ReLU6", "SELU", "SiLU", "Sigmoid", "Softplus", "Softshrink", "Softsign",
    "Tanh", "Tanhshrink",
)  # fmt: skip

# What takes what only a script makes: a pair, a distribution, a flow of zuko, columns of a table.
_OF_SCRIPTS = ("DistributionPosterior", "DistributionPrior", "GivenSizes", "MixedColumns")

DATA_FILES = (".npy", ".npz", ".pt", ".pth", ".csv", ".parquet", ".h5", ".hdf5")
"""How files end that `--data` may name by their paths alone."""

_TOP = models.__name__.partition(".")[0]  # has the names of models and objectives too

_PYROS = ("Trace_ELBO", "TraceMeanField_ELBO", "TraceGraph_ELBO", "TraceEnum_ELBO", "RenyiELBO")


@cache
def known_data() -> dict[str, Any]:
    """The functions that give a data set; those that change one are left out."""
    known = {n: f for n in data.__all__ if inspect.isfunction(f := getattr(data, n))}
    wanted = (Dataset, "Dataset")

    def is_source(function: Maker) -> bool:
        signature = inspect.signature(function)
        first = next(iter(signature.parameters.values()))
        return signature.return_annotation in wanted and first.annotation not in wanted

    return {name: function for name, function in known.items() if is_source(function)}


@cache
def known_models() -> dict[str, type]:
    """The families of the library, by name."""
    known = concrete(models, models.Family)
    return {name: cls for name, cls in known.items() if name not in _OF_SCRIPTS}


def families() -> dict[str, type[models.Family]]:
    """The same, as what they are."""
    return {n: cls for n, cls in known_models().items() if issubclass(cls, models.Family)}


def offering(capability: type) -> list[str]:
    """The families that have the methods of a protocol of `models.capabilities`."""
    return sorted(
        name for name, family in known_models().items() if issubclass(family, capability)
    )


@cache
def known_objectives() -> dict[str, type]:
    """The objectives of the library, and Pyro's own, by name."""
    known = concrete(objectives, objectives.ParticleELBO)
    return known | {name: getattr(pyro.infer, name) for name in _PYROS}


@cache
def known_networks() -> set[str]:
    """The networks of the library that may be an encoder or a decoder."""
    others = concrete(nn, nn.Likelihood) | concrete(nn, nn.Corruption)
    return concrete(nn, torch.nn.Module).keys() - {*others, nn.Described.__name__}


@cache
def sections() -> dict[str, dict[str, Any]]:
    """What --data, --model and --objective can name of the library, by short and by full name."""
    found: dict[str, dict[str, Any]] = {}
    for section, package, known in (
        ("data", data, known_data()),
        ("model", models, known_models()),
        ("objective", objectives, known_objectives()),
    ):
        places = [package.__name__] if package is data else [package.__name__, _TOP]
        full = {
            f"{place}.{n}": made
            for place in places
            for n, made in known.items()
            if n in package.__all__
        }
        found[section] = known | full
    found["objective"] |= {f"pyro.infer.{name}": getattr(pyro.infer, name) for name in _PYROS}
    return found


@cache
def decodings() -> dict[str, type]:
    """The ways of decoding by their names in lower case."""
    return {n.lower(): c for n, c in concrete(decoding, decoding.Decoding).items()}


@cache
def parts() -> dict[str, tuple[str, type]]:
    """Import path and class of the parts of models, by each of their names."""
    named = [(torch.nn, name) for name in TORCH]
    for package in reversed(PACKAGES):  # a short name is that of the first one that has it
        named += [(package, n) for n in concrete(package, object) if n not in _OF_SCRIPTS]
    found: dict[str, tuple[str, type]] = {}
    for package, name in named:
        cls = getattr(package, name)
        path = f"{package.__name__}.{name}"
        aliases = [name, path, f"{cls.__module__}.{name}"]
        if package is models:  # whose names are the library's too
            aliases.append(f"{_TOP}.{name}")
        for alias in aliases:
            found[alias] = path, cls
    return found


def fitting(kinds: Iterable[Kind]) -> list[str]:
    """Classes of the library, by short name, that an argument of one of these kinds allows."""
    found: set[str] = set()
    for kind in kinds:
        if kind.base is not torch.nn.Module:
            found |= {cls.__name__ for _, cls in parts().values() if kind.base in cls.__mro__}
        elif kind.called_with in (0, 1):  # an activation, a normalization
            found |= set(TORCH)
        else:
            found |= known_networks()
    return sorted(found)


def known_names() -> dict[str, list[str]]:
    """What --data, --model and --objective can name of the library, by short name."""
    known = {"data": known_data(), "model": known_models(), "objective": known_objectives()}
    return {section: sorted(names) for section, names in known.items()}


def full_path(name: Any) -> Any:  # noqa: ANN401
    """Import path of a class of the library, or of torch.nn, that is named by its class alone.

    Other values are returned as they are. Without this a name would be ambiguous as soon as
    another imported library has a module class of that name.
    """
    for package in PACKAGES:
        if name in package.__all__ and inspect.isclass(getattr(package, name)):
            return f"{package.__name__}.{name}"
    if isinstance(name, str) and inspect.isclass(getattr(torch.nn, name, None)):
        return f"torch.nn.{name}"
    return name


def concrete(package: ModuleType, base: type) -> dict[str, type]:
    """The classes of a package that are not abstract, by name."""
    found = {name: getattr(package, name) for name in package.__all__}
    return {
        n: c
        for n, c in found.items()
        if inspect.isclass(c) and issubclass(c, base) and not inspect.isabstract(c)
    }
