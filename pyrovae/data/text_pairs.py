"""Data sets of pairs of texts: a source, and what is said of it."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from ..errors import ConfigError, DataError
from .base import Dataset, Split, partition, supplying
from .text import Unit, Vocabulary
from .text.lines import read_lines


@supplying("vocabulary")
def text_pairs(
    pairs: str | PathLike[str] | Sequence[tuple[str, str]],
    *,
    unit: Unit = "character",
    lower: bool = False,
    min_count: int = 1,
    max_size: int | None = None,
    val: int | float = 0.1,
    test: int | float = 0.1,
    seed: int = 0,
) -> Dataset:
    """Pairs of texts as rows of codes, split at random: for `models.SequenceToSequence`.

    What is modelled stands first in this library: `x` are the codes of the targets [N, T], which
    are scored, and `y` those of the sources [N, S], which are given. Both are encoded by one
    vocabulary, made of the training data. `supplies` holds it.

    Args:
        pairs: (source, target) each; or the path of a text file in UTF-8, a pair a line, the
            source first and a tab between the two. Empty lines are left out.
        unit: What one code stands for: "character", "byte" or "word".
        lower: Whether text is brought to lower case.
        min_count: What occurs less often in the training data is not known.
        max_size: At most this many entries of the vocabulary, the most frequent.
        val: Share of the pairs as a float, or their number as an integer.
        test: The same for `test`.
        seed: Seed of the split.

    Raises:
        DataError: The file cannot be read, a line is no pair, or none is left to train on.
        ConfigError: See `Vocabulary`.

    Example:
        >>> sums = [("2 + 2", "four"), ("1 + 1", "two")] * 5
        >>> data = text_pairs(sums, unit="word", val=1, test=1)
        >>> data.train
        Split(8 x [2] int64, labels int64)
        >>> Vocabulary.from_json(data.supplies["vocabulary"]).decode(data.train.y[:1])
        ['2 + 2']
    """
    if isinstance(pairs, str | PathLike):
        name, known = Path(pairs).stem, _read(pairs)
    else:
        name, known = "text_pairs", _checked(pairs)
    sizes = tuple(_count(n, s, len(known)) for n, s in (("val", val), ("test", test)))
    rows = partition(name, len(known), (sizes[0], sizes[1]), seed)
    of_training = [text for row in rows[0].tolist() for text in known[row]]
    vocabulary = Vocabulary.of(
        of_training, unit, min_count=min_count, max_size=max_size, lower=lower
    )
    x = vocabulary.encode([target for _, target in known])
    y = vocabulary.encode([source for source, _ in known])
    train, held_out, last = (Split(x[index], y[index]) for index in rows)
    supplies = {"vocabulary": vocabulary.to_json()}
    return Dataset(name, train, held_out, last, {"binarize": "none", "seed": seed}, supplies)


def _read(path: str | PathLike[str]) -> list[tuple[str, str]]:
    found = []
    for number, line in enumerate(read_lines(path, "text_pairs"), 1):
        parts = line.split("\t")
        if not line.strip():
            continue
        if len(parts) != 2:
            raise DataError(
                f"text_pairs: line {number} of {path} has {len(parts) - 1} tabs; write a source, "
                "one tab, and its target"
            )
        found.append((parts[0], parts[1]))
    return found


def _checked(pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    found = []
    for place, pair in enumerate(pairs):
        is_pair = isinstance(pair, Sequence) and not isinstance(pair, str) and len(pair) == 2
        if not is_pair or not all(isinstance(text, str) for text in pair):
            raise DataError(
                f"text_pairs: pair {place} is {pair!r}; give two texts, (source, target)"
            )
        found.append((pair[0], pair[1]))
    return found


def _count(name: str, size: int | float, n: int) -> int:
    if isinstance(size, float):
        if not 0 <= size < 1:
            raise ConfigError(
                f"text_pairs: {name}={size} is no share of the pairs; give a float in [0, 1), or "
                "an integer number of pairs"
            )
        return round(size * n)
    return size
