"""What an option needs, in words; for the help and for the messages of errors."""

import inspect
import typing
from collections.abc import Iterable, Mapping
from types import NoneType, UnionType
from typing import Any, Literal, Union

from .kinds import asked_by, members
from .library import fitting
from .numbers import IN_WORDS, LARGEST

_PLAIN: dict[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    **IN_WORDS,
}


def wanted(annotation: Any) -> str:  # noqa: ANN401
    """What may stand for an annotation, such as "a whole number above 0"; "" where it is open."""
    kinds = asked_by(annotation).kinds
    names = fitting(kinds)
    found = [*dict.fromkeys(_plain(annotation))]
    if names:
        found.append(f"one of {', '.join(names)}")
    elif kinds and not found:
        found.append("a class of your own")
    return " or ".join(found)


def in_full(annotation: Any) -> str:  # noqa: ANN401
    """The same for a message, with the largest number, and "null" where that is taken."""
    found = wanted(annotation)
    for member in members(annotation):
        if inspect.isclass(member) and member in LARGEST:
            found += f" (at most {LARGEST[member]})"
    return f"{found}, or null" if found and NoneType in members(annotation) else found


def _plain(annotation: Any) -> list[str]:  # noqa: ANN401
    """The same, without classes of objects and without None."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation in _PLAIN:
        return [_PLAIN[annotation]]
    if origin in (Union, UnionType):
        return [words for member in arguments for words in _plain(member)]
    if origin is Literal:
        return [" or ".join(map(repr, arguments))]
    cls = origin or annotation
    if cls is NoneType or not inspect.isclass(cls) or asked_by(annotation).kinds:
        return []
    if not issubclass(cls, Iterable):
        return []
    is_mapping = issubclass(cls, Mapping)
    kind, part = ("a mapping", "value") if is_mapping else ("a list", "item")
    items = [w for item in (arguments[-1:] if is_mapping else arguments) for w in _plain(item)]
    return [f"{kind}, each {part} {' or '.join(dict.fromkeys(items))}" if items else kind]
