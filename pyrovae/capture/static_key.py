"""What a graph freezes: the plain values of arguments and objects, as keys that are compared."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from itertools import chain
from operator import is_
from typing import Any

_PLAIN = (bool, int, float, str, type(None))

Choice = Callable[[str, Any], bool]
"""Name and value of an attribute -> whether it belongs to the key."""


def is_plain(value: object) -> bool:
    """Whether a value is a number, a string, a flag or None, which a graph freezes."""
    return type(value) in _PLAIN


def is_setting(name: str, value: object) -> bool:
    """Whether an attribute is a plain value under a public name, such as a network's mode."""
    return type(value) in _PLAIN and name[0] != "_"


class StaticKey:
    """Key of the attributes of some objects, which is cheap to ask for again.

    A training step asks for it every time, and networks have many attributes. To compare objects
    by identity costs a fraction of choosing among them, so that attributes are chosen anew only
    where one of them is another object than the last time.

    Args:
        owners: The attributes of each object, as `vars` gives them.
        belongs: Which of them belong to the key; by default plain values under public names.

    Example:
        >>> held = {"beta": 1.0}
        >>> static = StaticKey([held])
        >>> first = static.key()
        >>> first is static.key()
        True
        >>> held["beta"] = 2.0
        >>> first == static.key()
        False
    """

    def __init__(self, owners: Iterable[Mapping[str, Any]], belongs: Choice = is_setting) -> None:
        self._owners, self._belongs = list(owners), belongs
        self._seen: list[Any] = []  # kept alive, so that no new object gets the address of an old
        self._key = _HashedTuple(())

    def key(self) -> Hashable:
        """Equal as long as all that belongs to it is equal."""
        now = [*chain.from_iterable(owner.values() for owner in self._owners)]
        if len(now) != len(self._seen) or not all(map(is_, now, self._seen)):
            items = chain.from_iterable(owner.items() for owner in self._owners)
            self._seen = now
            chosen = tuple(value for name, value in items if self._belongs(name, value))
            self._key = _HashedTuple(chosen)
        return self._key


class _HashedTuple:
    """A tuple that computes its hash once."""

    def __init__(self, values: tuple[Any, ...]) -> None:
        self._values, self._hash = values, hash(values)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _HashedTuple) and self._values == other._values
