"""The check of a configuration from a file, which is data: it can name only the library's own."""

import inspect
from argparse import Action
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from shlex import quote
from typing import Any

from ..errors import ConfigError
from .arguments import annotations
from .kinds import Asked, Kind, asked_by
from .library import fitting, known_names, parts, sections
from .names import own_class
from .own_files import same_class
from .sizes import MOST_REPEATED

Said = Mapping[str, str]
"""The words of the command line by option, which is written as in "model.encoder"."""

_COMMAND_LINE_ONLY = ("config", "resume", "overwrite")
_LONGEST = 100  # characters of a text from the file that a message repeats


def checked(
    content: Mapping[str, Any],
    *,
    name: str,
    options: Mapping[str, Action],
    find: Mapping[str, Callable[[str], Any]],
    defaults: Mapping[str, str],
    said: Said,
    is_run: bool,
) -> dict[str, Any]:
    """Check every value of a file, and give classes by their import paths.

    Nothing is called, built or imported for a name that only the file gives. A name of the command
    line replaces that of the file.

    Args:
        content: What `read_yaml` found.
        name: Of the file in the messages of errors.
        options: The options outside of the sections, by name.
        find: By section, a function that finds the class or function of a name.
        defaults: By section, the name where none is given.
        said: Words of the command line.
        is_run: Whether the file is that of a run folder, which must not say where to write.

    Raises:
        ConfigError: There is no such option, or a value names what the library does not have,
            what is of another kind than the place needs, or the user's own without being named
            on the command line as well.
    """
    return _Check(name, said, is_run).all(content, options, find, defaults)


class NotNamedError(ConfigError):
    """A file names code of the user's own, and nobody else does.

    Attributes:
        in_python: The message for those who call `pyrovae.load`.
    """

    def __init__(self, message: str, in_python: str) -> None:
        super().__init__(message)
        self.in_python = in_python


class _Check:
    def __init__(self, name: str, said: Said, is_run: bool) -> None:
        self.name, self.said, self.is_run = name, said, is_run

    def all(
        self,
        content: Mapping[str, Any],
        options: Mapping[str, Action],
        find: Mapping[str, Callable[[str], Any]],
        defaults: Mapping[str, str],
    ) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for option, value in content.items():
            if option in find:
                found[option] = self.section(option, value, find[option], defaults[option])
            elif option in _COMMAND_LINE_ONLY or (option == "run" and self.is_run):
                raise self.refusal(option, "can be given on the command line only")
            elif option not in options:
                raise self.refusal(
                    option, f"is no option of `pyrovae fit`{_near(option, options)}"
                )
            elif value is None:
                if options[option].default is not None:
                    raise self.refusal(option, "is null; give it a value, or leave it out")
            else:
                found[option] = self.plain(option, value, options[option])
        return found

    def plain(self, option: str, value: Any, action: Action) -> Any:  # noqa: ANN401
        """A number, a text, or a list of them."""
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, list | dict):
                raise self.refusal(option, "takes one plain value or a list of them")
        if action.nargs == 0 and not isinstance(value, bool):
            raise self.refusal(option, "is true or false")
        if isinstance(value, list) and action.nargs != "+":
            raise self.refusal(option, "takes one value, not a list")
        return value

    def section(
        self,
        section: str,
        value: Any,  # noqa: ANN401
        find: Callable[[str], Any],
        default: str,
    ) -> dict[str, Any]:
        part = {"name": value} if isinstance(value, str) else value or {}
        if not isinstance(part, dict) or not isinstance(part.get("name"), str | None):
            raise self.refusal(section, "takes a name, and options below it")
        stored, words, known = part.get("name"), self.said.get(section), sections()[section]
        if stored is not None and stored not in known and words is None:
            raise self.unknown(section, stored, known_names()[section])
        named = words or stored or default
        if stored not in (None, named) and (stored in known or named in known):
            return {"name": named}  # the options in the file belong to another name
        maker = known[named] if named in known else find(named)
        given = {option: item for option, item in part.items() if option != "name"}
        return {"name": named, **self.options(section, given, annotations(maker), named)}

    def options(
        self, where: str, given: Mapping[str, Any], hints: Mapping[str, Any], owner: str
    ) -> dict[str, Any]:
        found = {}
        for option, value in given.items():
            place = f"{where}.{option}"
            if option not in hints:
                takes = ", ".join(hints) or "none"
                raise self.refusal(place, f"is no option of {owner}, which takes {takes}")
            if self.is_run and place == "data.download" and value and place not in self.said:
                raise self.refusal(place, "would fetch data; add `--data.download true`")
            asked = asked_by(hints[option])
            if place in self.said and not (asked.kinds and self.is_again(place, value)):
                continue
            found[option] = self.value(place, value, asked)
        return found

    def is_again(self, place: str, value: Any) -> bool:  # noqa: ANN401
        """Whether the command line names the same class as the file."""
        stored = value.get("class_path") if isinstance(value, dict) else None
        return isinstance(stored, str) and same_class(_path(stored), _path(self.said[place]))

    def value(self, place: str, value: Any, asked: Asked) -> Any:  # noqa: ANN401
        if value is None and not (asked.is_open or asked.takes_none):
            raise self.refusal(place, "is null; give it a value, or leave it out")
        if isinstance(value, list):
            if len(value) > MOST_REPEATED and not place.startswith("data."):
                raise self.refusal(place, f"holds more than {MOST_REPEATED} values")
            inner = asked.items or Asked(is_open=asked.is_open)
            return [self.value(place, item, inner) for item in value]
        if isinstance(value, dict):
            if asked.kinds and not (asked.items and not {"class_path", "init_args"} & set(value)):
                return self.part(place, value, asked.kinds)
            if {"class_path", "init_args", "dict_kwargs"} & set(value):
                raise self.refusal(place, "takes no class")
            inner = asked.items or Asked(is_open=asked.is_open)
            return {key: self.value(place, item, inner) for key, item in value.items()}
        if isinstance(value, str):
            return self.text(place, value, asked)
        return value

    def text(self, place: str, value: str, asked: Asked) -> Any:  # noqa: ANN401
        if value in asked.words or not asked.holds_names:
            return value
        if not asked.is_text and (number := _number(value)) is not None:
            return number
        if asked.kinds:
            return self.part(place, {"class_path": value}, asked.kinds)
        is_inert = not set("{[:") & set(value)  # else jsonargparse may read it as YAML again
        if not (is_inert and asked.is_text):
            raise self.refusal(
                place, f"holds the text {shown(value)}, where no text fits; if it is right, give "
                f"it on the command line: --{place} {quote(cut(value))}",
            )  # fmt: skip
        return value

    def part(self, place: str, spec: dict[str, Any], kinds: list[Kind]) -> dict[str, Any]:
        """A class and its arguments."""
        stored, given = spec.get("class_path"), spec.get("init_args")
        if not isinstance(stored, str):
            raise self.refusal(place, "needs a class; give its name as `class_path:`")
        if set(spec) - {"class_path", "init_args"} or not isinstance(given, dict | None):
            raise self.refusal(place, "takes a `class_path` and `init_args`, and nothing else")
        given = given or {}
        is_own = stored not in parts()
        if is_own and not (place in self.said and self.is_again(place, spec)):
            raise self.unknown(place, stored, fitting(kinds))
        path, cls = own_class(stored, f"--{place}") if is_own else parts()[stored]
        fits = [kind for kind in kinds if kind.base in cls.__mro__]
        if inspect.isabstract(cls) or not (fits and (is_own or cls.__name__ in fitting(kinds))):
            wanted = " or ".join(sorted({kind.base.__name__ for kind in kinds}))
            raise self.refusal(
                place, f"names {shown(stored)}, which is no {wanted}; name one of "
                f"{', '.join(fitting(kinds)) or 'your own'}",
            )  # fmt: skip
        taken = [kind.called_with or 0 for kind in fits if _binds(cls, kind, given)]
        if not taken:
            raise self.refusal(
                place, f"gives {shown(stored)} the arguments {', '.join(given) or 'none'}, of "
                "which it cannot be built; give those that it takes",
            )  # fmt: skip
        init_args = self.options(place, given, annotations(cls, taken[0]), shown(stored))
        return {"class_path": path, **({"init_args": init_args} if init_args else {})}

    def unknown(self, place: str, stored: str, known: list[str]) -> ConfigError:
        why = self.refusal(
            place,
            f"names {shown(stored)}, which is none of the library's (here one of "
            f"{', '.join(known) or 'none'}), and a file alone runs nothing; if it is your own and "
            "you trust it, ",
        )
        again = f"name it again on the command line: --{place} {quote(cut(stored))}"
        return NotNamedError(f"{why}{again}", f"{why}name it to load: trust=[{cut(stored)!r}]")

    def refusal(self, place: str, what: str) -> ConfigError:
        return ConfigError(f"{self.name}: {cut(place)} {what}")


def shown(text: str) -> str:
    """A text of the file, quoted and shortened for a message."""
    return f"'{cut(text)}'"


def cut(text: str) -> str:
    """A text, shortened for a message."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _near(option: str, options: Iterable[str]) -> str:
    near = get_close_matches(option, options, 1)
    return f"; did you mean {near[0]}?" if near else ""


def _path(name: str) -> str:
    return parts()[name][0] if name in parts() else name


def _number(text: str) -> int | float | None:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return None


def _binds(cls: type, kind: Kind, given: Mapping[str, Any]) -> bool:
    """Whether a class takes the given arguments besides those that it will be called with."""
    try:
        inspect.signature(cls).bind(*[None] * (kind.called_with or 0), **given)
    except (TypeError, ValueError):  # a ValueError where a class has no signature
        return False
    return True
