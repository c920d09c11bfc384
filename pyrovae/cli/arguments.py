"""The arguments of classes and functions, as options and as annotations."""

import inspect
import re
from functools import cache
from pathlib import Path
from typing import Any, Optional

from jsonargparse import ArgumentParser

from ..errors import ConfigError
from .kinds import asked_by
from .names import makes_pair

SUPPLIED = ("vocabulary", "columns", "sound", "log_sizes")
"""What data may supply to a pair besides their shape: see `Dataset.supplies`."""

OFFERED = ("num_classes", "lengths")
"""What data may supply too, and stays an option: a value that the user gives wins."""


def add_arguments(
    parser: ArgumentParser,
    maker: Any,  # noqa: ANN401
    section: str | None,
    first: int = 0,
) -> None:
    """Add the arguments of a class or a function as options below `section`; a module has none.

    An argument that may be a path or an object is a path here. Its text must never be read as an
    import path, as `table.npy` would be where there is a `table.py` in the same folder.

    Args:
        parser: Gains the options.
        maker: The class, the function or the module.
        section: Prefix of the options; None: none.
        first: How many arguments are given by position, from elsewhere.

    Raises:
        ConfigError: A required argument is not annotated.
    """
    if not (inspect.isclass(maker) or inspect.isfunction(maker)):
        return
    of_data, offers = supplied(maker), offered(maker)
    paths = {
        name: parameter
        for name, parameter in inspect.signature(maker).parameters.items()
        if name not in of_data
        and (asked := asked_by(parameter.annotation)).is_text
        and asked.holds_names
    }
    skip: set[str | int] = {*of_data, *paths, *offers}
    if first:
        skip.add(first)
    add = parser.add_class_arguments if inspect.isclass(maker) else parser.add_function_arguments
    try:
        add(maker, section, skip=skip)
    except ValueError as error:
        raise ConfigError(_untyped(maker, str(error))) from error
    for name, parameter in offers.items():
        parser.add_argument(
            f"--{section}.{name}" if section else f"--{name}",
            type=Optional[parameter.annotation],  # noqa: UP045
            default=None,
            help="By default what the data supply.",
        )
    for name, parameter in paths.items():
        required = parameter.default is parameter.empty
        parser.add_argument(
            f"--{section}.{name}" if section else f"--{name}",
            type=str | list if required else str | list | None,
            required=required,
            help="Path of a file, or a list.",
            **({} if required else {"default": parameter.default}),
        )


def _untyped(maker: Any, message: str) -> str:  # noqa: ANN401
    """What is to be done where an argument has no annotation, or one that cannot be read."""
    file = Path(inspect.getsourcefile(maker) or "").name
    found = re.search(r"[Pp]arameter '(\w+)'", message)
    argument = f"argument '{found[1]}' of {maker.__qualname__}" if found else maker.__qualname__
    return (
        f"{file}: {argument} does not say of which type it is, so that no option can be made of "
        "it; annotate it, as in width: int = 8"
    )


def supplied(maker: Any) -> set[str]:  # noqa: ANN401
    """The arguments whose values come from the data: their shape, and what they supply."""
    names = {"data_shape", *(SUPPLIED if makes_pair(maker) else ())}
    return names & inspect.signature(maker).parameters.keys()


def offered(maker: Any) -> dict[str, inspect.Parameter]:  # noqa: ANN401
    """The options of a pair whose values the data may supply, where the user gives none.

    They are required, or false by default; other defaults have a meaning of their own.
    """
    if not makes_pair(maker):
        return {}
    return {
        name: parameter
        for name, parameter in inspect.signature(maker).parameters.items()
        if name in OFFERED
        and (parameter.default is parameter.empty or parameter.default is False)
        and parameter.annotation is not parameter.empty
        and not isinstance(parameter.annotation, str)
    }


@cache
def annotations(maker: Any, first: int = 0) -> dict[str, Any]:  # noqa: ANN401
    """By name, the annotations of the arguments of a maker, without the first ones."""
    parser = ArgumentParser(exit_on_error=False)
    before = {action.dest for action in parser._actions}
    add_arguments(parser, maker, None, first)
    found = {}
    for action in parser._actions:
        if action.dest not in before and not action.dest.endswith(".help"):
            hint = getattr(action, "_typehint", None) or action.type
            may_be_none = action.default is None and not action.required
            found[action.dest] = Optional[hint] if may_be_none else hint  # noqa: UP045
    return found
