"""What the names of arrays say: which are data, which labels, and of which split."""

import re
from collections.abc import Iterable
from typing import Literal

Role = Literal["x", "y"]
Split = Literal["train", "val", "test"]

_SPLITS: dict[str, Split] = {
    "train": "train", "training": "train", "tr": "train",
    "val": "val", "valid": "val", "validation": "val", "dev": "val",
    "test": "test", "testing": "test", "te": "test",
}  # fmt: skip
_X = {"", "x", "data", "image", "images", "img", "imgs", "input", "inputs", "feature", "features"}
_Y = {"y", "label", "labels", "target", "targets", "class", "classes"}


def arrange(names: Iterable[str]) -> dict[Split | None, dict[Role, str]] | None:
    """The names by split and role; None where they do not say it.

    One name is x. Several are x and y, or x alone, of each split (`x_train`, `train/images`,
    `test`), or of no split.

    Example:
        >>> arrange(["x_train", "y_train", "test_images"])
        {'train': {'x': 'x_train', 'y': 'y_train'}, 'test': {'x': 'test_images'}}
        >>> arrange(["image", "mask"]) is None
        True
    """
    names = list(names)
    if len(names) == 1:
        return {None: {"x": names[0]}}
    found: dict[Split | None, dict[Role, str]] = {}
    for name in names:
        place = _place(name)
        if place is None or place[1] in found.get(place[0], {}):
            return None
        found.setdefault(place[0], {})[place[1]] = name
    if (None in found and len(found) > 1) or not all("x" in roles for roles in found.values()):
        return None
    if None not in found and "train" not in found:
        return None
    return found


def _place(name: str) -> tuple[Split | None, Role] | None:
    words = [word.lower() for word in re.split(r"[^A-Za-z0-9]+", name) if word]
    splits = [_SPLITS[word] for word in words if word in _SPLITS]
    rest = [word for word in words if word not in _SPLITS]
    if len(splits) > 1 or len(rest) > 1:
        return None
    word = rest[0] if rest else ""
    role: Role | None = "x" if word in _X else "y" if word in _Y else None
    if role is None or (not splits and not word):
        return None
    return (splits[0] if splits else None), role
