"""What a name on the command line stands for: a part of the library, or the user's own."""

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pyro.infer
import torch

from .. import data, models, nn, objectives
from ..data import Dataset
from ..errors import ConfigError

Maker = Callable[..., Any]


def known_names() -> dict[str, list[str]]:
    """What --data, --model and --objective may name besides one's own."""
    return {"data": sorted(_known_data()), "model": sorted(_concrete(models, models.Family)),
            "objective": sorted(_known_objectives())}  # fmt: skip


def known_networks() -> set[str]:
    """What an encoder or a decoder may be, besides one's own."""
    heads, noises = _concrete(nn, nn.Likelihood), _concrete(nn, nn.Corruption)
    return _concrete(nn, torch.nn.Module).keys() - heads.keys() - noises.keys()


def find_data(name: str) -> Maker:
    """The function that gives a `Dataset`.

    Args:
        name: One of `pyrovae.data` ("digits", "mnist", ...), an import path or `file.py:function`
            of the user's own.

    Raises:
        ConfigError: There is no such thing.
    """
    return _find("data", name, _known_data())


def find_model(name: str) -> Maker | ModuleType:
    """The class of a family, the user's own class, or a file with `model` and `guide`.

    Raises:
        ConfigError: There is no such thing.
    """
    if name.endswith(".py"):
        return _load_file("--model", Path(name))
    return _find("model", name, _concrete(models, models.Family))


def find_objective(name: str, option: str = "--objective") -> Maker:
    """The class of an estimator: of this library, of `pyro.infer`, or the user's own.

    Raises:
        ConfigError: There is no such thing; the message names the option.
    """
    return _find("objective", name, _known_objectives(), option)


def forget_file(name: str) -> None:
    """Read the file of `file.py` or `file.py:Name` again when it is next asked for."""
    path = Path(name.rpartition(":")[0] or name)
    if path.suffix == ".py":
        sys.modules.pop(_module_name(path), None)


def _known_data() -> dict[str, Any]:
    """What gives a data set, unless it makes it of another."""
    known = {n: f for n in data.__all__ if inspect.isfunction(f := getattr(data, n))}
    wanted = (Dataset, "Dataset")

    def is_source(function: Maker) -> bool:
        signature = inspect.signature(function)
        first = next(iter(signature.parameters.values()))
        return signature.return_annotation in wanted and first.annotation not in wanted

    return {name: function for name, function in known.items() if is_source(function)}


def _known_objectives() -> dict[str, Any]:
    known = _concrete(objectives, objectives.ParticleELBO)
    pyros = ("Trace_ELBO", "TraceMeanField_ELBO", "TraceGraph_ELBO", "TraceEnum_ELBO", "RenyiELBO")
    return known | {n: getattr(pyro.infer, n) for n in pyros}


def full_path(name: Any) -> Any:  # noqa: ANN401
    """Import path of a network, head, prior or posterior that is named by its class alone.

    Other values are handed back. Without this a name would be ambiguous as soon as some imported
    library has a module class of that name.
    """
    for room in (nn, nn.flows, nn.quantizers, models):
        if name in room.__all__ and inspect.isclass(getattr(room, name)):
            return f"{room.__name__}.{name}"
    if isinstance(name, str) and inspect.isclass(getattr(torch.nn, name, None)):
        return f"torch.nn.{name}"
    return name


def _concrete(room: ModuleType, base: type) -> dict[str, type]:
    found = {name: getattr(room, name) for name in room.__all__}
    return {
        n: c
        for n, c in found.items()
        if inspect.isclass(c) and issubclass(c, base) and not inspect.isabstract(c)
    }


def _find(kind: str, name: str, known: dict[str, Any], option: str = "") -> Any:  # noqa: ANN401
    option = option or f"--{kind}"
    if name in known:
        return known[name]
    way_out = (
        f"choose one of {', '.join(sorted(known))}, or name your own by an import path "
        "(package.module.Name) or a file (path/to/file.py:Name)"
    )
    if ":" in name:
        path, _, attribute = name.rpartition(":")
        module = _load_file(option, Path(path))
    elif name.endswith(".py"):
        raise ConfigError(f"{option} {name}: name what to take from the file, {name}:NAME")
    elif "." in name:
        path, _, attribute = name.rpartition(".")
        if "" not in sys.path:
            sys.path.insert(0, "")
        try:
            module = importlib.import_module(path)
        except ModuleNotFoundError as error:
            raise ConfigError(
                f"{option} {name}: cannot import {path} ({error}); {way_out}"
            ) from error
    else:
        raise ConfigError(f"{option} {name}: there is no such {kind}; {way_out}")
    if attribute not in vars(module):
        raise ConfigError(f"{option} {name}: {path} defines no '{attribute}'; {way_out}")
    return vars(module)[attribute]


def _load_file(option: str, path: Path) -> ModuleType:
    if not path.is_file():
        raise ConfigError(
            f"{option} {path}: there is no such file in {Path.cwd()}; correct the path"
        )
    name = _module_name(path)
    if name in sys.modules and sys.modules[name].__file__ == str(path.resolve()):
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path.resolve())
    if spec is None or spec.loader is None:
        raise ConfigError(f"{option} {path}: this is not a Python file; name one that ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (SyntaxError, ImportError) as error:
        del sys.modules[name]
        raise ConfigError(f"{option} {path} cannot be run ({error}); mend the file") from error
    return module


def _module_name(path: Path) -> str:
    return f"pyrovae_user_{path.stem}"
