"""Modules of the user's own: imported by their path, or read from a file."""

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from ..errors import ConfigError

PREFIX = "pyrovae_user_"  # of the names of modules that were read from files


def import_module(
    option: str, name: str, path: str, way_out: str = "correct the name"
) -> ModuleType:
    try:
        with _working_folder_first():
            return importlib.import_module(path)
    except ModuleNotFoundError as error:
        raise ConfigError(f"{option} {name}: cannot import {path} ({error}); {way_out}") from error
    except (SyntaxError, ImportError, ValueError, TypeError) as error:  # of "..x" and "x..y", too
        reason = f"cannot import {path} ({error}); correct it"
        raise ConfigError(f"{option} {name}: {reason}") from error


def look_here_as_well() -> None:
    """Let import paths that the command line gives be found in the working folder, too."""
    if "" not in sys.path:
        sys.path.append("")


@contextmanager
def _working_folder_first() -> Iterator[None]:
    """Look for what the user named in the working folder first, and for all else there last."""
    added = "" not in sys.path
    if added:
        sys.path.insert(0, "")
    try:
        yield
    finally:
        if added:
            sys.path.remove("")
            sys.path.append("")


@contextmanager
def _as_a_script(path: Path) -> Iterator[None]:
    """What Python gives a file that it runs: the files beside it first, and no words but its own.

    Afterwards the files beside it are found last, as by imports inside of its functions.
    """
    folder, words = str(path.resolve().parent), sys.argv
    added = folder not in sys.path
    sys.argv = [str(path)]
    if added:
        sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.argv = words
        if added and folder in sys.path:
            sys.path.remove(folder)
            sys.path.append(folder)


def load_file(option: str, path: Path) -> ModuleType:
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
        with _as_a_script(path):
            spec.loader.exec_module(module)
    except BaseException as error:  # as an import does: what has not run whole is not kept
        del sys.modules[name]
        if isinstance(error, SyntaxError | ImportError):
            reason = f"{option} {path} cannot be run ({error}); correct the file"
            raise ConfigError(reason) from error
        raise
    return module


def _module_name(path: Path) -> str:
    return f"{PREFIX}{path.stem}"


def forget_file(name: str) -> None:
    """Read the file of `file.py` or `file.py:Name` again when it is next asked for."""
    path = Path(name.rpartition(":")[0] or name)
    if path.suffix == ".py":
        sys.modules.pop(_module_name(path), None)
