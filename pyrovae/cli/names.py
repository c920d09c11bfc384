"""What a name on the command line stands for: a part of the library, or the user's own.

Only the command line names one's own. Names in a file are looked up in `stored`.
"""

import inspect
import typing
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pyro.infer

from ..data import Dataset
from ..errors import ConfigError
from .library import Maker, known_names, sections
from .own_files import import_path, is_in_file
from .user_code import PREFIX, import_module, load_file

SECTIONS = {"data": "digits", "model": "VAE", "objective": "ELBO"}
"""What is named, each with keyword arguments of its own, and the defaults."""


def makers(config: Mapping[str, Any]) -> dict[str, Any]:
    """By section, the class or function whose name a configuration gives."""
    named = [section for section in SECTIONS if section in config]
    return {section: FINDERS[section](config[section]["name"]) for section in named}


def find_data(name: str) -> Maker:
    """The function that gives a `Dataset`.

    Args:
        name: One of `pyrovae.data` ("digits", "mnist", ...), an import path or `file.py:function`
            of the user's own.

    Raises:
        ConfigError: There is no such thing, or it is no function that gives a `Dataset`.
    """
    found = _find("data", name, "--data")
    if found not in sections()["data"].values():
        _check(f"--data {name}", found, Dataset, "a function that returns a pyrovae.data.Dataset")
    return found


def find_model(name: str) -> Maker | ModuleType:
    """The class of a family, the user's own class, or a file with `model` and `guide`.

    Raises:
        ConfigError: There is no such thing, or it has no `model` and `guide`.
    """
    if name.endswith(".py"):
        return load_file("--model", Path(name))
    found = _find("model", name, "--model")
    _check(f"--model {name}", found, None, "a class with a `model` and a `guide`")
    return found


def find_objective(name: str, option: str = "--objective") -> Maker:
    """The class of an estimator: of this library, of `pyro.infer`, or the user's own.

    Raises:
        ConfigError: There is no such thing, or it is no `pyro.infer.ELBO`; the message names the
            option.
    """
    found = _find("objective", name, option)
    _check(f"{option} {name}", found, pyro.infer.ELBO, "a class of pyro.infer.ELBO")
    return found


FINDERS: dict[str, Callable[[str], Any]] = {
    "data": find_data,
    "model": find_model,
    "objective": find_objective,
}


def makes_pair(maker: Any) -> bool:  # noqa: ANN401
    """Whether a class, or a function by what it says it returns, gives a model and a guide."""
    found = _returned(maker) if inspect.isfunction(maker) else maker
    return inspect.isclass(found) and _fits(found, None)


def own_class(name: str, option: str) -> tuple[str, type]:
    """Import path and class of the user's own, named on the command line.

    Args:
        name: An import path, or "file.py:Class".
        option: Which names it, for the messages of errors.

    Raises:
        ConfigError: There is none.
    """
    path = import_path(option, name) if is_in_file(name) else name
    found = _imported(path, option)
    if not inspect.isclass(found):
        raise ConfigError(f"{option} {name}: there is no such class; name one by its import path")
    return path, found


def gives(path: str, option: str) -> type | None:
    """The class that an import path names, or that the function which it names says it returns.

    Raises:
        ConfigError: The module cannot be imported.
    """
    found = _imported(path, option)
    if inspect.isfunction(found):
        found = _returned(found)
    return found if inspect.isclass(found) and found is not inspect.Signature.empty else None


def _imported(path: str, option: str) -> Any:  # noqa: ANN401
    module, _, name = path.rpartition(".")
    return vars(import_module(option, path, module)).get(name) if module else None


def _find(kind: str, name: str, option: str) -> Any:  # noqa: ANN401
    known = sections()[kind]
    if name in known:
        return known[name]
    way_out = (
        f"choose one of {', '.join(known_names()[kind])}, or name your own by an import path "
        "(package.module.Name) or a file (path/to/file.py:Name)"
    )
    if ":" in name:
        path, _, attribute = name.rpartition(":")
        module = load_file(option, Path(path))
    elif name.endswith(".py"):
        raise ConfigError(f"{option} {name}: name what to take from the file, {name}:NAME")
    elif kind == "data" and Path(name).exists():
        raise ConfigError(
            f"{option} {name}: what is there is not read by its path alone; name the reader, such "
            f"as --data documents --data.source {name}, or audio, text, table, series, counts"
        )
    elif "." in name:
        path, _, attribute = name.rpartition(".")
        module = import_module(option, name, path, way_out)
    else:
        near = get_close_matches(name, known, 1)
        meant = f", did you mean {near[0]}?" if near else ";"
        raise ConfigError(f"{option} {name}: there is no such {kind}{meant} {way_out}")
    if attribute not in vars(module):
        raise ConfigError(f"{option} {name}: {path} defines no '{attribute}'; {way_out}")
    return vars(module)[attribute]


def _check(where: str, found: Any, base: type | None, wanted: str) -> None:  # noqa: ANN401
    """Refuse what gives no object of `base`, or for None no pair, before it is called.

    A function says by its annotation what it returns. One in a file that the user named may leave
    that out: then its result is checked.
    """
    if isinstance(found, partial):
        found = found.func
    if inspect.isclass(found):
        if not _fits(found, base):
            raise ConfigError(f"{where} is the class {found.__qualname__}; name {wanted}")
        if inspect.isabstract(found):
            lacking = ", ".join(sorted(getattr(found, "__abstractmethods__", ())))
            raise ConfigError(f"{where} is abstract, it lacks {lacking}; name one that has them")
        return
    if not inspect.isfunction(found):
        raise ConfigError(f"{where} is a {type(found).__name__}; name {wanted}")
    returned = _returned(found)
    if returned is inspect.Signature.empty:
        if not found.__module__.startswith(PREFIX):
            raise ConfigError(
                f"{where} is a function that does not say what it returns; name {wanted}, and "
                "annotate what it returns"
            )
    elif not (inspect.isclass(returned) and _fits(returned, base)):
        shown = getattr(returned, "__name__", returned)
        raise ConfigError(f"{where} is a function that returns {shown}; name {wanted}")


def _fits(cls: type, base: type | None) -> bool:
    """Whether a class is a subclass of `base`, or for None has both programs."""
    if base is not None:
        return issubclass(cls, base)
    return all(_gives(cls, program) for program in ("model", "guide"))


def _returned(function: Callable[..., Any]) -> Any:  # noqa: ANN401
    """The annotation of what a function returns."""
    try:
        found = typing.get_type_hints(function)
    except (NameError, AttributeError, TypeError, SyntaxError):  # names that are not there
        found = dict(function.__annotations__)
    return found.get("return", inspect.Signature.empty)


def _gives(cls: type, name: str) -> bool:
    """Whether objects of a class have an attribute: inherited, annotated or set in `__init__`.

    A class is checked before it is called, so that a mistaken name runs nothing. What `__init__`
    sets can then be seen in its code alone.
    """
    makers = [vars(base).get("__init__") for base in cls.__mro__]
    return (
        hasattr(cls, name)
        or any(name in getattr(base, "__annotations__", {}) for base in cls.__mro__)
        or any(name in maker.__code__.co_names for maker in makers if inspect.isfunction(maker))
    )
