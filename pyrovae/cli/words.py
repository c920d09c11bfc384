"""The words of the command line, before they are parsed."""

import argparse
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import ConfigError

_NOTHING = ("none", "null")
_SWITCHES = {"true": True, "false": False}


@dataclass(frozen=True)
class Given:
    """An option that words give.

    Attributes:
        option: Its name, without dashes.
        value: The text after it; None where another option, or nothing, follows.
        start: Its place among the words.
        stop: The place behind its value.
    """

    option: str
    value: str | None
    start: int
    stop: int


def given_options(words: Sequence[str]) -> list[Given]:
    """The options in the order of the words; of a list the first value alone."""
    found = []
    for place, (word, following) in enumerate(zip(words, [*words[1:], None], strict=False)):
        if not word.startswith("--") or word == "--":
            continue
        option, has_value, value = word[2:].partition("=")
        if has_value:
            found.append(Given(option, value, place, place + 1))
        elif following is None or following.startswith("--"):
            found.append(Given(option, None, place, place + 1))
        else:
            found.append(Given(option, following, place, place + 2))
    return found


def check_words(words: Sequence[str], actions: Iterable[argparse.Action]) -> None:
    """Refuse what argparse would take in silence.

    Raises:
        ConfigError: A value is empty, or an option that takes a list is given twice.
    """
    lists = {name for a in actions if a.nargs == "+" for name in a.option_strings}
    given = given_options(words)
    for before, word in zip(["the first word", *words], words, strict=False):
        if not word or word.endswith("=") and word.startswith("--"):
            place = word.rstrip("=") or before
            raise ConfigError(f"{place} is given an empty text; give it a value, or leave it out")
    for name, times in Counter(f"--{one.option}" for one in given).items():
        if times > 1 and name in lists:
            raise ConfigError(
                f"{name} is given {times} times; give it once, with all values behind it"
            )


def take_undone(
    words: Sequence[str], actions: Iterable[argparse.Action]
) -> tuple[list[str], dict[str, Any]]:
    """Take out `--option none`, `--switch false` and `--switch true`.

    Each stands for what an option is where nobody gives it, and so undoes a value of a file.

    Returns:
        The other words, and the values of the options that were taken out, by name.
    """
    known = {name: action for action in actions for name in action.option_strings}
    undone: dict[str, Any] = {}
    dropped: set[int] = set()
    every = given_options(words)
    for given in every:
        action, text = known.get(f"--{given.option}"), (given.value or "").lower()
        if action is None:
            continue
        if action.default is None and action.nargs != 0 and text in _NOTHING:
            undone[action.dest] = None
        elif action.nargs == 0 and text in _SWITCHES:
            undone[action.dest] = _SWITCHES[text]
        else:
            continue
        for other in every:
            if other.option == given.option and other.start <= given.start:
                dropped |= set(range(other.start, other.stop))
    return [word for place, word in enumerate(words) if place not in dropped], undone
