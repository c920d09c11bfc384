"""Masks of what was observed: given, or said in words."""

import re
from collections.abc import Sequence

import torch
from torch import Tensor

from ...errors import ConfigError, DataError, ShapeError

WORDS = (
    "'bottom half', 'top half', 'left half', 'right half', 'centre', or 'random 0.5' for any share"
)


def mask_in_words(words: str, shape: Sequence[int], seed: int) -> Tensor:
    """A mask that is False at what the words name, which is what is missing.

    Halves are of the last two axes of a datum, "left" and "right" of the last one. "centre" is the
    square of half the height and width in the middle. "random 0.3" hides each pixel with
    probability .3, all channels of an image [C, H, W] together; each datum has a mask of its own.

    Args:
        words: See above.
        shape: Of the data [N, *data_shape].
        seed: Of a random mask.

    Returns:
        bool [N, *data_shape], True where a value is observed.

    Raises:
        ConfigError: The words name no mask.
        ShapeError: The data have no such axis.

    Example:
        >>> mask_in_words("left half", (1, 2, 4), 0)
        tensor([[[False, False,  True,  True],
                 [False, False,  True,  True]]])
    """
    said = words.lower().replace("-", " ").split()
    if len(said) == 2 and said[0] == "random" and re.fullmatch(r"0?\.\d+", said[1]):
        generator = torch.Generator().manual_seed(seed)
        pixels = [*shape[:1], 1, *shape[2:]] if len(shape) == 4 else list(shape)
        seen = torch.rand(pixels, generator=generator) >= float(said[1])
        return seen.expand(*shape).clone()
    missing = torch.zeros(*shape, dtype=torch.bool)
    side = {"lower": "bottom", "upper": "top"}.get(said[0], said[0]) if said else ""
    if said in (["centre"], ["center"]):
        _check_axes(words, shape, 2)
        (top, bottom), (left, right) = (_middle(size) for size in shape[-2:])
        missing[..., top:bottom, left:right] = True
    elif side in ("top", "bottom", "left", "right") and said[1:] == ["half"]:
        axis = -1 if side in ("left", "right") else -2
        _check_axes(words, shape, -axis)
        half = shape[axis] // 2
        start, length = (0, half) if side in ("top", "left") else (half, shape[axis] - half)
        missing.narrow(axis, start, length).fill_(True)
    else:
        raise ConfigError(f"no mask is called {words!r}; say {WORDS}, or give a tensor of bool")
    return ~missing


def as_mask(mask: Tensor, shape: Sequence[int]) -> Tensor:
    """A mask that was given, for data of this shape [N, *data_shape].

    Raises:
        DataError: It is no bool.
        ShapeError: It is neither for all data nor for one.
    """
    if mask.dtype != torch.bool:
        kind = str(mask.dtype).removeprefix("torch.")
        raise DataError(
            f"the mask is {kind}, and must be bool, True where a value was observed: mask == 1, "
            "say"
        )
    for wanted in (list(shape), [1, *shape[1:]], list(shape[1:])):
        if list(mask.shape) == wanted:
            return mask.expand(*shape)
    raise ShapeError(
        f"the mask has shape {list(mask.shape)}, and the data {list(shape)}; give one for each "
        f"datum, or one for all of them {list(shape[1:])}"
    )


def _middle(size: int) -> tuple[int, int]:
    start = (size + 2) // 4
    return start, size - start


def _check_axes(words: str, shape: Sequence[int], needed: int) -> None:
    if len(shape) - 1 < needed:
        raise ShapeError(
            f"mask {words!r} needs data of {needed} axes or more, and a datum here has shape "
            f"{list(shape[1:])}; reshape them, or give a tensor of bool"
        )
