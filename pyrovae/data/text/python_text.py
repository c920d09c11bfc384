"""Text that every installation of Python has: words and sentences of its language reference."""

import re
from importlib import import_module

from ...errors import DataError
from ..base import Dataset, supplying
from .text import text

_WORD = re.compile(r"(?<![\w.\-/])[a-z]{3,10}(?![\w.(\-/])")
_SENTENCE = re.compile(r"[A-Z][A-Za-z ,'-]+[.!?]")


@supplying("vocabulary")
def python_words(
    *, val_size: int | None = None, test_size: int | None = None, seed: int = 0
) -> Dataset:
    """The words of Python's language reference, each once, as rows of characters [N, T].

    About 2,000 English words of 3 to 10 letters, of the module `pydoc_data.topics`. Versions of
    Python differ by a few.

    Args:
        val_size: Number of words for `val`; None is a tenth.
        test_size: Number of words for `test`; None is a tenth.
        seed: Of the split.

    Raises:
        DataError: This installation has no `pydoc_data`.

    Example:
        >>> found = python_words()
        >>> len(found.train) > 1000, found.train.shape
        (True, torch.Size([11]))
    """
    words = sorted(set(_WORD.findall(_reference("python_words"))))
    found = text(words, val_size=val_size, test_size=test_size, seed=seed)
    return Dataset("python_words", found.train, found.val, found.test, found.info, found.supplies)


@supplying("vocabulary")
def python_sentences(
    *,
    max_length: int = 12,
    val_size: int | None = None,
    test_size: int | None = None,
    seed: int = 0,
) -> Dataset:
    """Short sentences of Python's language reference as rows of words [N, T].

    A few hundred, of the module `pydoc_data.topics`: enough to try things out, not to learn
    English. Words that occur once are unknown.

    Args:
        max_length: Longest sentence, in words and marks.
        val_size: Number of sentences for `val`; None is a tenth.
        test_size: Number of sentences for `test`; None is a tenth.
        seed: Of the split.

    Raises:
        DataError: This installation has no `pydoc_data`.
    """
    blocks = re.split(r"\n\s*\n", _reference("python_sentences"))
    plain = (re.sub(r'["*`]', "", " ".join(b.split())) for b in blocks if b and b[0] != " ")
    parts = (part for block in plain for part in re.split(r"(?<=[.!?])\s+(?=[A-Z])", block))
    found = text(
        list(dict.fromkeys(part for part in parts if _SENTENCE.fullmatch(part))),
        unit="word", lower=True, min_count=2, max_length=max_length, unfit="skip",
        val_size=val_size, test_size=test_size, seed=seed,
    )  # fmt: skip
    name = "python_sentences"
    return Dataset(name, found.train, found.val, found.test, found.info, found.supplies)


def _reference(where: str) -> str:
    try:
        topics = import_module("pydoc_data.topics").topics
    except ImportError as error:
        raise DataError(
            f"{where}: this Python has no module pydoc_data, whose text it reads; read a file of "
            "your own by data.text(path)"
        ) from error
    return "\n\n".join(topics[name] for name in sorted(topics))
