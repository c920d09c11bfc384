"""Which of the values given does not fit its option: for the messages of errors."""

import argparse
import inspect
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import NoneType
from typing import Any, Literal, Union

from ..errors import ConfigError
from .arguments import annotations
from .kinds import asked_by, members
from .library import fitting, parts
from .names import gives
from .parser import ParseError, Parser, hint_of
from .wanted import in_full

_LONGEST = 60  # characters of a value that a message repeats


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
    error: ParseError,
    words: Mapping[str, str],
    options: Options,
    in_file: Mapping[str, Any] | None = None,
    name: str = "",
) -> ConfigError:
    """The first value that does not fit, as an error that says what is needed instead.

    jsonargparse says this too, but only as prose of several lines. So each value is checked once
    more by itself, after the parsing has failed. Nothing is imported for a value of a file.

    Args:
        error: What jsonargparse or argparse says.
        words: Text of the command line by place, such as "epochs" or "model.encoder.hidden".
        options: The options that the values are for.
        in_file: Values of a file, likewise.
        name: Of that file.
    """
    for place, value in {**(in_file or {}), **words}.items():
        where = _option(place) if place in words or not name else f"{name}: {place}"
        try:
            hint = _hint(place, options)
        except _NoOption as lack:
            return ConfigError(f"{where}: {lack}")
        if hint is not None and not _fits(hint, value, place in words):
            return ConfigError(f"{where} {_cut(value)}: {_reason(hint, value)}")
    return ConfigError(_in_words(str(error), options))


def check_parts(words: Mapping[str, str], options: Options) -> None:
    """Refuse words that name a class of the library which their place does not take.

    jsonargparse takes any module where a network is asked for.

    Raises:
        ConfigError: One does.
    """
    for place, name in words.items():
        if "." not in place or name not in parts():
            continue
        try:
            hint = _hint(place, options)
        except _NoOption as lack:
            raise ConfigError(f"{_option(place)}: {lack}") from lack
        kinds = asked_by(hint).kinds if hint is not None else []
        if kinds and not _is_of(kinds, name):
            raise ConfigError(f"{_option(place)} {name}: {_reason(hint, name)}")


def takes_none(place: str, options: Options) -> bool:
    """Whether the option of a place may be null."""
    try:
        return NoneType in members(_hint(place, options))
    except _NoOption:
        return False


def _in_words(message: str, options: Options) -> str:
    """What argparse or jsonargparse says of words that fit no option, in plain words."""
    if found := re.match(r"unrecognized arguments: (\S*)", message):
        return _unknown(found[1], options)
    if found := re.match(r"the following arguments are required: ([\w.]+)", message):
        if found[1] in ("run_folder", "run_folders"):
            return "name the RUN, a folder that `pyrovae fit` wrote"
        return f"{_option(found[1])} must be given{_needs(found[1], options)}"
    if found := re.match(r"argument (?:-\w, )?--([\w.-]+): expected (?:at least )?one", message):
        return f"--{found[1]} is given without a value{_needs(found[1], options)}"
    if found := re.match(r"argument --([\w.-]+): ignored explicit argument", message):
        return f"--{found[1]} is a switch, which takes no value; leave the value out"
    places = re.findall(r'Parser key "([\w.-]+)"', message)
    if places:
        place = places[0] if places[0] != places[-1] else ".".join(dict.fromkeys(places))
        return f"{_option(place)}: its value does not fit{_needs(place, options)}"
    return re.split(r"[;\n]", message)[0][:300]


def _unknown(word: str, options: Options) -> str:
    if not word.startswith("-"):
        return f"the word '{_cut(word)}' belongs to no option; put it after one, or leave it out"
    option = word.partition("=")[0]
    known = [name for action in options.actions for name in action.option_strings]
    near = get_close_matches(option, known, 1)
    hint = f"did you mean {near[0]}?" if near else "--help lists those that there are"
    return f"there is no option {_cut(option)}; {hint}"


def _option(place: str) -> str:
    """How a place is written on the command line."""
    return f"--{place.replace('_', '-') if '.' not in place else place}"


def _needs(place: str, options: Options) -> str:
    try:
        hint = _hint(place.replace("-", "_") if "." not in place else place, options)
    except _NoOption:
        hint = None
    needs = "" if hint is None else in_full(hint)
    return f"; it needs {needs}" if needs else ""


def _cut(value: Any) -> str:  # noqa: ANN401
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _reason(hint: Any, value: Any) -> str:  # noqa: ANN401
    needs = in_full(hint)
    if asked_by(hint).kinds and _is_name(value):
        if value in parts():
            return f"it is of another kind; it needs {needs}, or your own by its import path"
        return f"there is no such class; it needs {needs}, or your own by its import path"
    return f"it needs {needs}"


def _is_name(value: Any) -> bool:  # noqa: ANN401
    return (
        isinstance(value, str)
        and all(step.isidentifier() for step in value.split("."))
        and value.lower() not in ("nan", "inf", "infinity", "true", "false", "null", "none")
    )


class _NoOption(Exception):
    """There is no option of that name."""


def _hint(place: str, options: Options) -> Any:  # noqa: ANN401
    """The annotation of an option; None where it is not known.

    Raises:
        _NoOption: The class that the option is for does not take it.
    """
    section, *steps = place.split(".")
    if not steps:
        return next((_of_action(a) for a in options.actions if a.dest == section), None)
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


def _of_action(action: argparse.Action) -> Any:  # noqa: ANN401
    return Literal[tuple(action.choices)] if action.choices else hint_of(action)


def _fits(hint: Any, value: Any, may_import: bool) -> bool:  # noqa: ANN401
    asked = asked_by(hint)
    if asked.is_open:
        return True
    if asked.kinds and _is_name(value):
        is_known = value in asked.words or not (may_import or value in parts())
        return is_known or _is_of(asked.kinds, value)
    if asked.kinds and isinstance(value, dict | list):
        return True  # a class and its arguments, whose places are checked by themselves
    if asked.kinds and isinstance(value, str) and set("{[:/") & set(value):
        return True
    if asked.items and asked.items.kinds:
        return True
    plain = _without_classes(hint)
    return plain is not None and _parses(plain, value)


def _without_classes(hint: Any) -> Any:  # noqa: ANN401
    """The members of an annotation that take no object; None where all do."""
    if not asked_by(hint).kinds:
        return hint
    plain = tuple(member for member in members(hint) if not asked_by(member).kinds)
    return Union[plain] if plain else None  # noqa: UP007


def _parses(hint: Any, value: Any) -> bool:  # noqa: ANN401
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
    if name in parts():
        return parts()[name][1].__name__ in fitting(kinds)
    try:
        cls = gives(name, "")
    except ConfigError:
        return False
    return cls is not None and any(kind.base in inspect.getmro(cls) for kind in kinds)
