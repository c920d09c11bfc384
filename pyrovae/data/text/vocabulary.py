"""The codes of characters, bytes or words, and text from codes."""

import json
import math
import reprlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, Self, cast, get_args

import torch
from torch import Tensor

from ...distributions.sequence_codes import BEGIN, END, NUM_SPECIAL, PADDING, UNKNOWN
from ...errors import ConfigError, DataError
from .words import text_of, words_of

Unit = Literal["character", "byte", "word"]
"""What one code stands for."""

_NOT_KNOWN = {"character": "\ufffd", "byte": "\ufffd", "word": "<unknown>"}


class Vocabulary:
    """Turns text into rows of codes, and rows of codes into text.

    A row holds the codes of one text, one `END`, then `PADDING`. Codes below 4 are the same in
    every vocabulary: 0 padding, 1 the end, 2 the begin (which only decoders read), 3 an entry
    that is not known. Entries follow in their order.

    Words are runs of letters and digits, with the accents and vowel signs on them, marks of
    punctuation one each. So text of words is read back with usual spaces, which need not be those
    that it had; characters and bytes are read back exactly. Take characters for languages that
    put no space between words. Unicode can write one letter in several ways, which are different
    characters: `unicodedata.normalize("NFC", text)` makes them one.

    Args:
        entries: Characters or words, each once. Bytes have none: all 256 are known.
        unit: What one code stands for.
        lower: Whether text is brought to lower case first.

    Raises:
        ConfigError: The unit is not known, or an entry is there twice, empty or of another unit.

    Example:
        >>> vocabulary = Vocabulary.of(["ada", "bo"])
        >>> vocabulary.encode(["ad", "b?"], 4)
        tensor([[4, 6, 1, 0],
                [5, 3, 1, 0]])
        >>> vocabulary.decode(vocabulary.encode(["ad"], 4))
        ['ad']
    """

    def __init__(
        self, entries: Sequence[str] = (), unit: Unit = "character", *, lower: bool = False
    ) -> None:
        if unit not in get_args(Unit):
            raise ConfigError(
                f"Vocabulary: unit={unit!r} is not known; use 'character', 'byte' or 'word'"
            )
        self.unit: Unit = unit
        self.lower = bool(lower)
        self.entries = tuple(entries)
        _check_entries(self.entries, unit)
        self._codes = {entry: NUM_SPECIAL + i for i, entry in enumerate(self.entries)}

    @classmethod
    def of(
        cls,
        texts: Iterable[str],
        unit: Unit = "character",
        *,
        min_count: int = 1,
        max_size: int | None = None,
        lower: bool = False,
    ) -> Self:
        """The vocabulary of some texts: characters in order, words by how often they occur.

        Args:
            texts: Better of the training data alone; or one text.
            unit: See `Vocabulary`, as for `lower`.
            min_count: Entries that occur less often are left out, and so not known.
            max_size: At most this many entries, the most frequent; None is all.
            lower: Bring text to lower case first.

        Raises:
            ConfigError: `min_count` or `max_size` is below 1, or given for bytes.
            DataError: Nothing is left, or something is no text.
        """
        if min_count < 1 or (max_size is not None and max_size < 1):
            raise ConfigError(
                f"Vocabulary.of: min_count={min_count} and max_size={max_size}; each needs a "
                "whole number above 0"
            )
        empty = cls((), unit, lower=lower)
        if unit == "byte":
            if min_count > 1 or max_size is not None:
                raise ConfigError(
                    "Vocabulary.of: all 256 bytes are known, and min_count or max_size is given; "
                    "leave them out, or use unit='character'"
                )
            return empty
        texts = [texts] if isinstance(texts, str) else texts
        counts = Counter(part for text in texts for part in empty.parts(text))
        ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
        kept = [entry for entry, count in ranked if count >= min_count][:max_size]
        if not kept:
            raise DataError(
                f"Vocabulary.of: no {unit} occurs {min_count} times or more among "
                f"{len(counts)}; lower min_count, or look whether the texts are empty"
            )
        return cls(sorted(kept) if unit == "character" else kept, unit, lower=lower)

    def parts(self, text: str) -> list[str]:
        """The characters or words of a text; of bytes one character of this number each.

        Raises:
            DataError: It is no text.
        """
        if not isinstance(text, str):
            raise DataError(
                f"Vocabulary: got {_shown(repr(text))} of type {type(text).__name__} as a text; "
                "give a str, and decode bytes first, as by text.decode('utf-8')"
            )
        text = text.lower() if self.lower else text
        if self.unit == "word":
            return words_of(text)
        if self.unit == "byte":
            return [chr(b) for b in text.encode("utf-8", "surrogatepass")]
        return list(text)

    def encode(self, texts: Sequence[str], length: int | None = None) -> Tensor:
        """The codes of texts [N, T] int64, each with its end and then padding.

        Args:
            texts: One text or several; an empty text is its end alone.
            length: T; None is what the longest text needs with its end.

        Raises:
            DataError: A text and its end need more than T codes, or something is no text.
        """
        if isinstance(texts, str):
            texts = [texts]
        rows = [self._row(text) for text in texts]
        needed = max(map(len, rows), default=1)
        total = needed if length is None else length
        if needed > total:
            place = next(i for i, row in enumerate(rows) if len(row) > total)
            raise DataError(
                f"Vocabulary.encode: text {place}, {_shown(texts[place])}, and its end need "
                f"{len(rows[place])} codes, and a row has {total}; give length={needed}, or "
                "shorter texts"
            )
        return torch.tensor(
            [row + [PADDING] * (total - len(row)) for row in rows], dtype=torch.int64
        ).reshape(len(rows), total)

    def decode(self, x: Tensor) -> list[str]:
        """The text of each row of codes [N, T], up to its end or all of a row without one.

        An entry that is not known reads as the replacement character, or as "<unknown>", and so do
        bytes that are no UTF-8.

        Raises:
            DataError: A code is none of this vocabulary.
        """
        if not x.dim() or (x.is_floating_point() and bool((x != x.trunc()).any())):
            raise DataError(
                f"Vocabulary.decode: got shape {list(x.shape)} of {x.dtype}; give rows of codes, "
                "whole numbers [N, T]"
            )
        if x.numel() and not 0 <= int(x.min()) <= int(x.max()) < len(self):
            raise DataError(
                f"Vocabulary.decode: codes from {int(x.min())} to {int(x.max())}, and the "
                f"vocabulary has 0 to {len(self) - 1}; decode with the vocabulary that made them"
            )
        rows = x.to(torch.int64).reshape(math.prod(x.shape[:-1]), x.shape[-1])
        return [self._text(row) for row in rows.tolist()]

    def share_unknown(self, x: Tensor) -> float:
        """The share of the codes of texts [N, T] that stand for something not known."""
        of_text = (x != PADDING) & (x != END)
        return float((x == UNKNOWN).sum() / of_text.sum().clamp_min(1))

    def to_json(self) -> dict[str, Any]:
        """Plain values that JSON can hold, from which `from_json` makes the same vocabulary."""
        return {"unit": self.unit, "lower": self.lower, "entries": list(self.entries)}

    @classmethod
    def from_json(cls, given: "Vocabulary | Mapping[str, Any] | str") -> "Vocabulary":
        """The vocabulary of such values, or of a string of JSON; a vocabulary as it is.

        Raises:
            ConfigError: They are no vocabulary.
        """
        if isinstance(given, Vocabulary):
            return given
        try:
            found = json.loads(given) if isinstance(given, str) else given
            entries, unit, lower = found["entries"], found["unit"], found.get("lower", False)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise ConfigError(
                f"{reprlib.repr(given)} is no vocabulary; give a pyrovae.data.Vocabulary, or what "
                'its to_json() gives: {"unit": "character", "entries": ["a", "b"], "lower": false}'
            ) from None
        if not isinstance(entries, list | tuple):
            raise ConfigError(
                f"a vocabulary's entries are {type(entries).__name__}, and must be a list of "
                "strings"
            )
        if not isinstance(lower, bool):
            raise ConfigError(
                f"a vocabulary's lower is {reprlib.repr(lower)}, and must be true or false"
            )
        return cls(entries, cast(Unit, unit), lower=lower)

    def __len__(self) -> int:
        return NUM_SPECIAL + (256 if self.unit == "byte" else len(self.entries))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self.to_json() == other.to_json()

    def __hash__(self) -> int:
        return hash((self.unit, self.lower, self.entries))

    def __repr__(self) -> str:
        shown = "" if self.unit == "byte" else f", {_shown(' '.join(self.entries[:12]))}"
        return f"Vocabulary({len(self)} codes, unit={self.unit!r}{shown})"

    def _row(self, text: str) -> list[int]:
        parts = self.parts(text)
        if self.unit == "byte":
            return [*(NUM_SPECIAL + ord(part) for part in parts), END]
        return [*(self._codes.get(part, UNKNOWN) for part in parts), END]

    def _text(self, row: Sequence[int]) -> str:
        row = row[: row.index(END)] if END in row else row
        codes = [code for code in row if code not in (PADDING, BEGIN)]
        if self.unit == "byte":
            gap = _NOT_KNOWN["byte"].encode()
            read = (gap if code == UNKNOWN else bytes([code - NUM_SPECIAL]) for code in codes)
            return b"".join(read).decode("utf-8", "replace")
        missing = _NOT_KNOWN[self.unit]
        parts = [self.entries[c - NUM_SPECIAL] if c >= NUM_SPECIAL else missing for c in codes]
        return text_of(parts) if self.unit == "word" else "".join(parts)


def _check_entries(entries: tuple[str, ...], unit: Unit) -> None:
    if unit == "byte" and entries:
        raise ConfigError("Vocabulary: all 256 bytes are known; give no entries with unit='byte'")
    for entry in entries:
        if not isinstance(entry, str) or not entry or (unit == "character" and len(entry) != 1):
            raise ConfigError(
                f"Vocabulary: entry {reprlib.repr(entry)} is no {unit}; give strings"
                + (" of one character, or unit='word'" if unit == "character" else "")
            )
    twice = [entry for entry, count in Counter(entries).items() if count > 1]
    if twice:
        raise ConfigError(f"Vocabulary: entry {twice[0]!r} is there twice; give each once")


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")
