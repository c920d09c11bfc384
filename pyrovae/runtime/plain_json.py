"""Plain values as JSON, as bytes in a tensor, and what differs between two of them."""

import json
from typing import Any

import torch
from torch import Tensor

BUFFER = "as_json"
"""Name of the buffer of a module that keeps such a value: see `nn.Described`."""

_LISTED = 3  # differences that a message lists, and entries of a list
_LONGEST = 60  # characters of a value that a message repeats
_DEEPEST = 20


def plain(value: Any) -> Any:  # noqa: ANN401
    """A value as JSON gives it back: tuples are lists.

    Raises:
        ValueError: JSON has no such value, or would give back another.
    """
    return _plain(value, "the value", 0)


def to_json(value: Any) -> str:  # noqa: ANN401
    """The JSON of a value, the same for equal values. The order of names is kept, and counts.

    Raises:
        ValueError: JSON has no such value.

    Example:
        >>> to_json({"unit": "word", "symbols": ("a", "b")})
        '{"unit":"word","symbols":["a","b"]}'
    """
    return json.dumps(plain(value), allow_nan=False, separators=(",", ":"))


def to_bytes(value: Any) -> Tensor:  # noqa: ANN401
    """The JSON of a value as bytes [S], uint8.

    Raises:
        ValueError: JSON has no such value.
    """
    return torch.tensor(list(to_json(value).encode()), dtype=torch.uint8)


def mismatch(name: str, there: Tensor, here: Tensor) -> str | None:
    """What differs between the value that a file holds under a name and that of a pair.

    Args:
        name: Of the tensor; where it is not that of such a value, nothing is compared.
        there: The bytes in the file.
        here: Those of the pair. On the meta device, where there are none, nothing is compared.

    Returns:
        A sentence, or None.
    """
    part, _, last = name.rpartition(".")
    if last.rstrip("'") != BUFFER or here.dtype != torch.uint8:
        return None
    if here.is_meta or there.is_meta or (there.dtype == here.dtype and torch.equal(
        there.cpu(), here.cpu())):  # fmt: skip
        return None
    part = part or "its description"
    try:
        kept, own = _value(there), _value(here)
    except (ValueError, RecursionError):
        return f"'{part}' of the file is no JSON"
    return f"the {part} of the file is another one than that of the pair: {difference(kept, own)}"


def difference(kept: Any, now: Any) -> str:  # noqa: ANN401
    """Where two plain values differ, in words: the first few places.

    Args:
        kept: As it was kept.
        now: As it is now.

    Example:
        >>> difference({"unit": "word", "symbols": ["a"]}, {"unit": "byte", "symbols": ["a", "b"]})
        "unit was 'word' and is now 'byte'; symbols has gained 'b'"
    """
    found = _differences(kept, now, "", 0)
    more = f"; and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
    return "; ".join(found[:_LISTED]) + more if found else "nothing"


def _value(tensor: Tensor) -> Any:  # noqa: ANN401
    return json.loads(bytes(tensor.cpu().to(torch.uint8).flatten().tolist()))


def _plain(value: Any, place: str, depth: int) -> Any:  # noqa: ANN401
    if depth > _DEEPEST:
        raise ValueError(f"{place} is nested deeper than {_DEEPEST} levels")
    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) is float and value - value == 0:
        return value
    if isinstance(value, list | tuple):
        return [_plain(each, f"{place}[{i}]", depth + 1) for i, each in enumerate(value)]
    if isinstance(value, dict):
        wrong = next((name for name in value if type(name) is not str), None)
        if wrong is not None:
            raise ValueError(f"{place} has the name {wrong!r}, which is no text")
        return {n: _plain(each, f"{place}[{n!r}]", depth + 1) for n, each in value.items()}
    kind = "not finite" if isinstance(value, float) else f"a {type(value).__name__}"
    raise ValueError(f"{place} is {kind}, for which JSON has no place")


def _differences(kept: Any, now: Any, place: str, depth: int) -> list[str]:  # noqa: ANN401
    if kept == now and type(kept) is type(now) and not isinstance(kept, dict | list):
        return []
    if isinstance(kept, dict) and isinstance(now, dict):
        return _of_tables(kept, now, place, depth)
    if isinstance(kept, list) and isinstance(now, list):
        return _of_lists(kept, now, place, depth)
    what = f"{place} " if place else "it "
    return [f"{what}was {_shown(kept)} and is now {_shown(now)}"]


def _of_tables(kept: dict[str, Any], now: dict[str, Any], place: str, depth: int) -> list[str]:
    inner = f"{place}." if place else ""
    lost = [f"{inner}{_cut(name)} is not there any more" for name in kept if name not in now]
    new = [f"{inner}{_cut(name)} is new" for name in now if name not in kept]
    found = lost + new
    for name in kept:
        if name in now and depth < _DEEPEST:
            found += _differences(kept[name], now[name], f"{inner}{_cut(name)}", depth + 1)
    if not found and list(kept) != list(now):
        found = [f"{place or 'it'} has another order, from {_cut(next(iter(now)))} on"]
    return found


def _of_lists(kept: list[Any], now: list[Any], place: str, depth: int) -> list[str]:
    what = place or "it"
    if len(kept) == len(now) and any(isinstance(each, dict | list) for each in kept):
        found = []
        for i, (old, new) in enumerate(zip(kept, now, strict=True)):
            if depth < _DEEPEST:
                named = _name_of(old) if _name_of(old) == _name_of(new) else None
                found += _differences(old, new, f"{place}[{named or i}]", depth + 1)
        return found
    before, after = (dict.fromkeys(map(_shown, values)) for values in (kept, now))
    lost, gained = [e for e in before if e not in after], [e for e in after if e not in before]
    said = [
        f"has {verb} {', '.join(some[:_LISTED])}"
        + (f" and {len(some) - _LISTED} more" if len(some) > _LISTED else "")
        for verb, some in (("lost", lost), ("gained", gained))
        if some
    ]
    if said:
        return [f"{what} {' and '.join(said)}"]
    if len(kept) != len(now):
        return [f"{what} had {len(kept)} entries and has now {len(now)}"]
    first = next((i for i, (a, b) in enumerate(zip(kept, now, strict=True)) if a != b), None)
    return [] if first is None else [f"{what} has another order, from entry {first} on"]


def _name_of(value: Any) -> str | None:  # noqa: ANN401
    """The name that an entry of a list gives itself, as columns do."""
    name = value.get("name") if isinstance(value, dict) else None
    return _cut(name) if isinstance(name, str) else None


def _shown(value: Any) -> str:  # noqa: ANN401
    return _cut(repr(value))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
