"""The numbers, words and switches that objects hold, as a key that is cheap to ask for again."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from itertools import chain
from operator import is_
from typing import Any

Pick = Callable[[str, Any], bool]
"""Name and value of an attribute -> whether it belongs to the key."""


class Settings:
    """Key of what some objects hold; a step asks for it, and networks have many attributes.

    Attributes are picked anew only where one of them is another object than at the last time:
    to compare objects is a fraction of the work of telling the plain ones apart.

    Args:
        owners: The attributes of each object, as `vars` gives them.
        pick: Which of them belong to the key.

    Example:
        >>> held = {"beta": 1.0}
        >>> settings = Settings([held], lambda name, value: isinstance(value, float))
        >>> first = settings.key()
        >>> first is settings.key()
        True
        >>> held["beta"] = 2.0
        >>> first == settings.key()
        False
    """

    def __init__(self, owners: Sequence[Mapping[str, Any]], pick: Pick) -> None:
        self._owners, self._pick = owners, pick
        self._seen: list[Any] = []  # held, so that no other object can come to lie in its place
        self._key = _Key(())

    def key(self) -> Hashable:
        """Equal as long as all that is picked is equal."""
        now = [*chain.from_iterable(owner.values() for owner in self._owners)]
        if len(now) != len(self._seen) or not all(map(is_, now, self._seen)):
            items = chain.from_iterable(owner.items() for owner in self._owners)
            self._seen = now
            self._key = _Key(tuple(value for name, value in items if self._pick(name, value)))
        return self._key


class _Key:
    """A tuple that knows its hash."""

    def __init__(self, values: tuple[Any, ...]) -> None:
        self._values, self._hash = values, hash(values)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self._values == other._values
