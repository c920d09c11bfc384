"""What a compressed file says of itself."""

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from typing import Any

from ...errors import CompressionError
from .levels import DTYPES

LARGEST_CHUNK = 2**26
"""Numbers in a chunk, at most: half a gigabyte in float64."""

_LONGEST_TEXT, _MOST_AXES, _MOST_NUMBERS = 100, 16, 1000


@dataclass(frozen=True)
class Header:
    """What must be known before a chunk is decoded.

    Attributes:
        shape: Of a datum as given.
        pair_shape: Of a datum as the pair takes it.
        dtype: Of the data as given, such as "uint8".
        array: The library that they were given in: "numpy" or "torch".
        chunk: Data in each chunk but the last.
        rows: Data that are coded side by side.
        grid: Width of a cell of the latents; see `BitsBack`.
        seed: Of the initial bits.
        parameters: Digest of the pair's parameters and buffers.
        outputs: Log-densities of the pair at fixed inputs, as `float.hex` writes them.
        made_with: Versions and machine, by name.
    """

    shape: tuple[int, ...]
    pair_shape: tuple[int, ...]
    dtype: str
    array: str
    chunk: int
    rows: int
    grid: float
    seed: int
    parameters: str
    outputs: tuple[str, ...]
    made_with: dict[str, str]

    def __post_init__(self) -> None:
        for field in fields(self):
            if not _CHECKS[field.name](getattr(self, field.name)):
                raise ValueError(f"'{field.name}' has no such value")
        if math.prod(self.shape) != math.prod(self.pair_shape):
            raise ValueError("its two shapes do not hold equally many numbers")
        if self.numbers * self.chunk > LARGEST_CHUNK:
            raise ValueError(f"a chunk would hold more than {LARGEST_CHUNK:,} numbers")

    @property
    def numbers(self) -> int:
        """Numbers in a datum, D."""
        return math.prod(self.shape)

    @property
    def as_given(self) -> tuple[str, str, tuple[int, ...]]:
        """Type, library and shape in which data are given back."""
        return self.dtype, self.array, self.shape

    def to_json(self) -> bytes:
        """The bytes in the file."""
        return json.dumps(asdict(self), separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, content: bytes, name: str) -> "Header":
        """Read the bytes of a file.

        Raises:
            CompressionError: They are not those of a header.
        """
        try:
            found: Any = json.loads(content.decode())
            if not isinstance(found, dict) or found.keys() != {f.name for f in fields(cls)}:
                raise ValueError("it does not name what a header names")
            for key in ("shape", "pair_shape", "outputs"):
                found[key] = tuple(found[key]) if isinstance(found[key], list) else None
            return cls(**found)
        except (ValueError, RecursionError, OverflowError) as error:
            raise CompressionError(
                f"{name} is damaged, or was not written by `compress`: its header is not valid "
                f"({error}); get it again"
            ) from error


def _is_whole(low: int, high: int) -> Callable[[Any], bool]:
    return lambda found: type(found) is int and low <= found <= high


def _is_shape(found: Any) -> bool:  # noqa: ANN401
    return (
        isinstance(found, tuple)
        and len(found) <= _MOST_AXES
        and all(map(_is_whole(1, LARGEST_CHUNK), found))
        and math.prod(found) <= LARGEST_CHUNK
    )


def _is_text(found: Any) -> bool:  # noqa: ANN401
    return isinstance(found, str) and len(found) <= _LONGEST_TEXT and found.isprintable()


def _are_texts(found: Any) -> bool:  # noqa: ANN401
    return (
        isinstance(found, dict)
        and len(found) <= _MOST_AXES
        and all(_is_text(text) for pair in found.items() for text in pair)
    )


def _are_numbers(found: Any) -> bool:  # noqa: ANN401
    if not isinstance(found, tuple) or len(found) > _MOST_NUMBERS:
        return False
    return all(_is_text(text) and _is_hex(text) for text in found)


def _is_hex(text: str) -> bool:
    try:
        float.fromhex(text)
    except (ValueError, OverflowError):
        return False
    return True


_CHECKS: dict[str, Callable[[Any], bool]] = {
    "shape": _is_shape,
    "pair_shape": _is_shape,
    "dtype": lambda found: isinstance(found, str) and found in DTYPES,
    "array": lambda found: found in ("numpy", "torch"),
    "chunk": _is_whole(1, LARGEST_CHUNK),
    "rows": _is_whole(1, LARGEST_CHUNK),
    "grid": lambda found: isinstance(found, int | float) and 2**-30 < found < 2**30,
    "seed": _is_whole(0, 2**64 - 1),
    "parameters": _is_text,
    "outputs": _are_numbers,
    "made_with": _are_texts,
}
