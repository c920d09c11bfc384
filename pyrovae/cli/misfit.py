"""Which of the values given does not fit its option: for the messages of errors."""

import argparse
import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import ConfigError
from .arguments import annotations
from .kinds import asked_by
from .library import parts
from .names import gives
from .parser import ParseError, Parser, hint_of
from .wanted import wanted


@dataclass
class Options:
    """The options of a command, with those of the classes that are named.

    Attributes:
        actions: The options outside of the sections.
        makers: By section, what is built of it.
        classes: By place, such as "model.encoder", the name of a class.
    """

    actions: Iterable[argparse.Action]
    makers: Mapping[str, Any]
    classes: Mapping[str, str]


def misfit(
    words: Mapping[str, str], options: Options, in_file: Mapping[str, Any] | None = None
) -> ConfigError | None:
    """The first value that does not fit, as an error that says what is needed instead.

    jsonargparse says this too, but only as prose of several lines. So each value is checked once
    more by itself, after the parsing has failed. Nothing is imported for a value of a file.

    Args:
        words: Text of the command line by place, such as "epochs" or "model.encoder.hidden".
        options: The options that the values are for.
        in_file: Values of a file, likewise.
    """
    for place, value in {**(in_file or {}), **words}.items():
        option = f"--{place.replace('_', '-') if '.' not in place else place}"
        try:
            hint = _hint(place, options)
        except _NoOption as error:
            return ConfigError(f"{option}: {error}")
        if hint is None or _fits(hint, value, place in words):
            continue
        return ConfigError(f"{option} {value}: {_reason(hint, value)}")
    return None


def _reason(hint: Any, value: Any) -> str:  # noqa: ANN401
    needs = wanted(hint)
    if asked_by(hint).kinds and _is_name(value):
        what = "the class is of another kind" if value in parts() else "there is no such class"
        return f"{what}; it needs {needs}, or your own by its import path"
    return f"it needs {needs}"


def _is_name(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, str) and all(step.isidentifier() for step in value.split("."))


class _NoOption(Exception):
    """There is no option of that name."""


def _hint(place: str, options: Options) -> Any:  # noqa: ANN401
    """The annotation of an option; None where it is not known.

    Raises:
        _NoOption: The class that the option is for does not take it.
    """
    section, *steps = place.split(".")
    if not steps:
        return next((hint_of(a) for a in options.actions if a.dest == section), None)
    maker = options.makers.get(section)
    if maker is None:
        return None
    hints, owner = annotations(maker), getattr(maker, "__name__", section)
    for number, step in enumerate(steps, 1):
        if step not in hints:
            raise _NoOption(
                f"there is no such option of {owner}, which takes {', '.join(hints) or 'none'}"
            )
        hint = hints[step]
        if number == len(steps):
            return hint
        owner = options.classes.get(".".join([section, *steps[:number]]), "")
        if owner not in parts():
            return None
        cls = parts()[owner][1]
        taken = [k.called_with or 0 for k in asked_by(hint).kinds if k.base in cls.__mro__]
        if not taken:
            return None
        hints, owner = annotations(cls, max(taken)), cls.__name__
    return None


def _fits(hint: Any, value: Any, may_import: bool) -> bool:  # noqa: ANN401
    asked = asked_by(hint)
    if asked.is_open:
        return True
    if asked.kinds and _is_name(value):
        is_known = value in asked.words or not (may_import or value in parts())
        return is_known or _is_of(asked.kinds, value)
    if asked.kinds or (asked.items and asked.items.kinds):
        return True
    parser = Parser(add_help=False)
    parser.add_argument("--value", type=hint)
    try:
        if isinstance(value, str):
            parser.parse_args([f"--value={value}"])
        else:
            parser.parse_object({"value": value})
    except ParseError:
        return False
    return True


def _is_of(kinds: Iterable[Any], name: str) -> bool:
    """Whether a name is that of a class, or of a function that gives one, of these kinds."""
    try:
        cls = parts()[name][1] if name in parts() else gives(name, "")
    except ConfigError:
        return False
    return cls is not None and any(kind.base in inspect.getmro(cls) for kind in kinds)
