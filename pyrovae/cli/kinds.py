"""What may be given for an argument, as its annotation says."""

import inspect
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union

_CONTAINERS = ("builtins", "collections", "collections.abc", "typing")


@dataclass(frozen=True)
class Kind:
    """A class whose objects an argument takes.

    Attributes:
        base: The class, or a base of it.
        called_with: With how many arguments the library will call the class; None: the argument
            takes an object, which the command line builds.
    """

    base: type
    called_with: int | None = None


@dataclass
class Asked:
    """What an annotation allows.

    Attributes:
        kinds: Classes of objects.
        is_text: Any text.
        words: These texts.
        is_open: Anything.
        takes_none: Nothing, too.
        items: The same for the elements of a list or the values of a mapping.
    """

    kinds: list[Kind] = field(default_factory=list)
    is_text: bool = False
    words: set[str] = field(default_factory=set)
    is_open: bool = False
    takes_none: bool = False
    items: "Asked | None" = None

    @property
    def holds_names(self) -> bool:
        """Whether a text, here or within, may be read as a name of something to import."""
        within = self.items is not None and self.items.holds_names
        return bool(self.kinds) or self.is_open or within


def asked_by(annotation: Any) -> Asked:  # noqa: ANN401
    """What an annotation allows; one that is not understood allows only a class of the user's."""
    found = Asked()
    _add(found, annotation)
    return found


def members(annotation: Any) -> tuple[Any, ...]:  # noqa: ANN401
    """The members of a union; the annotation alone where it is none."""
    is_union = typing.get_origin(annotation) in (Union, UnionType)
    return typing.get_args(annotation) if is_union else (annotation,)


def _add(found: Asked, annotation: Any) -> None:  # noqa: ANN401
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if hasattr(annotation, "__metadata__"):
        _add(found, arguments[0])
    elif origin in (Union, UnionType):
        for member in arguments:
            _add(found, member)
    elif origin is Literal:
        found.words |= {value for value in arguments if isinstance(value, str)}
    elif origin is Callable or origin is typing.Callable:
        _add_factory(found, arguments)
    elif annotation in (Any, object) or type(annotation).__module__.startswith("jsonargparse"):
        found.is_open = True  # jsonargparse has types of its own for what is not annotated
    elif inspect.isclass(origin or annotation):
        _add_class(found, origin or annotation, arguments)
    else:  # not understood: a text might be read as a name to import
        found.kinds.append(Kind(_Nothing))


def _add_factory(found: Asked, arguments: tuple[Any, ...]) -> None:
    inner = asked_by(arguments[-1]) if arguments else Asked()
    takes = arguments[0] if arguments else ...
    if not inner.kinds or not isinstance(takes, list):
        found.kinds.append(Kind(_Nothing))  # it allows any function, and none can be named
        return
    found.kinds += [Kind(kind.base, len(takes)) for kind in inner.kinds]


def _add_class(found: Asked, cls: type, arguments: tuple[Any, ...]) -> None:
    if issubclass(cls, Enum):
        found.words |= set(cls.__members__)
    elif issubclass(cls, str | Path):
        found.is_text = True
    elif issubclass(cls, NoneType):
        found.takes_none = True
    elif issubclass(cls, int | float):
        pass
    elif issubclass(cls, Iterable) and cls.__module__ in _CONTAINERS:
        elements = arguments[-1:] if issubclass(cls, Mapping) else arguments
        inner = found.items or Asked()
        for element in elements:  # without any, the items are taken as they are
            if element is not ...:
                _add(inner, element)
        found.items = inner
    else:
        found.kinds.append(Kind(cls))


class _Nothing:
    """A class without objects."""
