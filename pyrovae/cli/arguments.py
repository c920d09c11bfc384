"""The arguments of what a section or a class names, as options and as annotations."""

import inspect
from functools import cache
from typing import Any

from jsonargparse import ArgumentParser

from ..errors import ConfigError
from .kinds import asked_by


def add_arguments(
    parser: ArgumentParser,
    maker: Any,  # noqa: ANN401
    section: str | None,
    first: int = 0,
) -> None:
    """Add what a class or a function takes as options below `section`; a module takes nothing.

    What may be a path or an object is a path here: its text must never be read as an import path,
    as that of `table.npy` would be where a `table.py` lies beside it.

    Args:
        parser: Gains the options.
        maker: The class, the function or the module.
        section: What the options stand below; None: nothing.
        first: So many arguments come from elsewhere, by position.

    Raises:
        ConfigError: An argument that must be given is not annotated.
    """
    if not (inspect.isclass(maker) or inspect.isfunction(maker)):
        return
    paths = {
        name: parameter
        for name, parameter in inspect.signature(maker).parameters.items()
        if (asked := asked_by(parameter.annotation)).is_text and asked.holds_names
    }
    skip: set[str | int] = {*supplied(maker), *paths}
    if first:
        skip.add(first)
    add = parser.add_class_arguments if inspect.isclass(maker) else parser.add_function_arguments
    try:
        add(maker, section, skip=skip)
    except ValueError as error:
        raise ConfigError(f"{maker.__qualname__}: {error}; annotate its arguments") from error
    for name, parameter in paths.items():
        required = parameter.default is parameter.empty
        parser.add_argument(
            f"--{section}.{name}" if section else f"--{name}",
            type=str | list if required else str | list | None,
            required=required,
            help="Path of a file, or a list.",
            **({} if required else {"default": parameter.default}),
        )


def supplied(maker: Any) -> set[str]:  # noqa: ANN401
    """Arguments that come from the data, not from the user."""
    return {"data_shape"} & inspect.signature(maker).parameters.keys()


@cache
def annotations(maker: Any, first: int = 0) -> dict[str, Any]:  # noqa: ANN401
    """By name, the annotations of what a maker takes but for the first arguments, as parsed."""
    parser = ArgumentParser(exit_on_error=False)
    before = {action.dest for action in parser._actions}
    add_arguments(parser, maker, None, first)
    return {
        action.dest: getattr(action, "_typehint", None) or action.type
        for action in parser._actions
        if action.dest not in before
    }
