"""Classes in files of the user's own, as parts of a pair: `--model.encoder file.py:Class`."""

import sys
from pathlib import Path
from typing import Any

from ..errors import ConfigError
from .user_code import PREFIX, load_file


def is_in_file(name: Any) -> bool:  # noqa: ANN401
    """Whether a name is that of something in a file, as in "file.py:Class"."""
    return isinstance(name, str) and ".py:" in name


def import_path(option: str, name: str) -> str:
    """Read the file of "file.py:Class"; the path by which its class can now be imported.

    Raises:
        ConfigError: There is no such file, it cannot be run, or it has nothing of that name.
    """
    path, _, attribute = name.rpartition(":")
    module = load_file(option, Path(path))
    if attribute not in vars(module):
        raise ConfigError(f"{option} {name}: {path} defines no '{attribute}'; correct the name")
    return f"{module.__name__}.{attribute}"


def with_files(value: Any) -> Any:  # noqa: ANN401
    """A configuration whose import paths of such classes are "file.py:Class" again."""
    if isinstance(value, dict):
        return {name: with_files(part) for name, part in value.items()}
    if isinstance(value, list):
        return [with_files(part) for part in value]
    if isinstance(value, str) and value.startswith(PREFIX):
        module, _, name = value.rpartition(".")
        file = getattr(sys.modules.get(module), "__file__", None)
        return value if file is None else f"{_shown(Path(file))}:{name}"
    return value


def same_class(one: str, other: str) -> bool:
    """Whether two names of such classes are of one file."""
    if not (is_in_file(one) and is_in_file(other)):
        return one == other
    (file, _, name), (other_file, _, other_name) = one.rpartition(":"), other.rpartition(":")
    return name == other_name and Path(file).resolve() == Path(other_file).resolve()


def _shown(file: Path) -> Path:
    here = Path.cwd().resolve()
    return file.relative_to(here) if file.is_relative_to(here) else file
