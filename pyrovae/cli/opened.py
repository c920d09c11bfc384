"""What an opened run gives: its pair, data and objective, built of its configuration."""

import inspect
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyro.infer import ELBO

from ..data import Dataset
from ..errors import ConfigError, PyrovaeError
from ..runtime.random_state import kept_random_state
from .build import build_data, build_objective, build_pair
from .explain import explain, own_line
from .fit_options import fit_parser
from .library import parts, sections
from .names import SECTIONS
from .run_folder import configuration
from .stored import NotNamedError
from .supplies import read_supplies
from .working_folder import safe_child_processes

_DATA_ROOT = "PYROVAE_DATA"


@dataclass(frozen=True)
class Configured:
    """A run folder with a configuration, from which its parts are built one by one.

    Attributes:
        folder: Of the run.
        content: The configuration, as plain values.
        trust: The user's own that the configuration names and the reader trusts: names as the
            configuration has them, or the classes and functions themselves.
        model: The user's own class in the place of the model that the configuration names.
    """

    folder: Path
    content: dict[str, Any]
    trust: Sequence[Any] = ()
    model: type | None = None

    def pair(self, data_shape: Sequence[int]) -> Any:  # noqa: ANN401
        """A new pair; the random state stays as it is."""
        parser = fit_parser()
        with _as_a_call():
            words = self._words("model")
            config = configuration(self.folder, parser, words, ["model"])
            return build_pair(parser, config, data_shape, read_supplies(self.folder))

    def data(self, pair: Any) -> Dataset:  # noqa: ANN401
        """The data of the run, with labels where the pair takes them."""
        parser = fit_parser()
        with _as_a_call():
            config = configuration(self.folder, parser, self._words("data"), ["data"])
            return build_data(parser, config, pair, read_supplies(self.folder))

    def objective(self) -> ELBO:
        """The objective of the run, as it was before the first step."""
        parser = fit_parser()
        with _as_a_call():
            words = self._words("objective")
            config = configuration(self.folder, parser, words, ["objective"])
            return build_objective(parser, config)

    def check_trust(self) -> None:
        """Refuse a trusted name that the configuration does not have.

        Raises:
            ConfigError: There is one.
        """
        own = {name for section in SECTIONS for _, name in self._own_names(section)}
        for each in self.trust:
            if not any(_is_named(name, each) for name in own):
                raise ConfigError(
                    f"load: the configuration of {self.folder} does not name {each!r}, which "
                    f"trust gives; it names {', '.join(sorted(own)) or 'nothing of your own'}"
                )

    def _words(self, section: str) -> list[str]:
        """What a user would say on the command line, to name their own again."""
        words = []
        for place, name in self._own_names(section):
            given = next((each for each in self.trust if _is_named(name, each)), None)
            if place == "model" and self.model is not None:
                continue
            if given is not None:
                by_path = place in SECTIONS and not isinstance(given, str)
                words += [f"--{place}", _import_path(given) if by_path else name]
        if section == "model" and self.model is not None:
            words += ["--model", _import_path(self.model)]
        return words

    def _own_names(self, section: str) -> Iterator[tuple[str, str]]:
        """Names in a section that are not the library's, by place."""
        part = self.content.get(section)
        if isinstance(part, str):
            part = {"name": part}
        if isinstance(part, dict):
            name = part.get("name")
            if isinstance(name, str) and name not in sections()[section]:
                yield section, name
            yield from _own_parts(section, {k: v for k, v in part.items() if k != "name"})


def _own_parts(place: str, value: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == "class_path" and isinstance(inner, str) and inner not in parts():
                yield place, inner
            below = place if name in ("init_args", "class_path") else f"{place}.{name}"
            if name != "class_path":
                yield from _own_parts(below, inner)


def _is_named(name: str, given: Any) -> bool:  # noqa: ANN401
    """Whether a name of a configuration is that of something given."""
    if isinstance(given, str):
        return name == given
    own = getattr(given, "__qualname__", None)
    return own is not None and name.replace(":", ".").rpartition(".")[2] == own


def _import_path(given: Any) -> str:  # noqa: ANN401
    """The import path under which a class or function is found again.

    Raises:
        ConfigError: There is none.
    """
    if not (inspect.isclass(given) or inspect.isfunction(given)):
        raise ConfigError(f"load: {given!r} is no class, no function and no name; give one")
    module, name = given.__module__, given.__qualname__
    if getattr(sys.modules.get(module), name, None) is not given:
        raise ConfigError(
            f"load: {name} is not found by that name in {module}; define it at the top of a "
            "module, or build the pair yourself and give it: load(folder, pair)"
        )
    return f"{module}.{name}"


@contextmanager
def _as_a_call() -> Iterator[None]:
    """Leave the random state and the environment as they are; errors speak of `load`."""
    root = os.environ.get(_DATA_ROOT)
    try:
        with safe_child_processes(), kept_random_state():
            yield
    except NotNamedError as error:
        raise ConfigError(error.in_python) from None
    except (RuntimeError, MemoryError) as error:  # more than the memory holds
        if isinstance(error, PyrovaeError) or own_line(error) is not None:
            raise
        raise ConfigError(f"load: {explain(error)[0]}") from error
    finally:
        if root is None:
            os.environ.pop(_DATA_ROOT, None)
        else:
            os.environ[_DATA_ROOT] = root
