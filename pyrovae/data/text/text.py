"""Texts of a file, one a line, as a data set of rows of codes."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import torch

from ...errors import ConfigError, DataError
from ..base import Dataset, Split, partition, supplying
from ..root import Root, find_root
from .lines import TextSource, read_lines, shown, split_classes
from .vocabulary import Unit, Vocabulary

_MOST_CODES = 2**30  # 8 GiB

Unfit = Literal["refuse", "skip"]
"""What becomes of lines that are empty or too long: an error, or they are left out."""


@supplying("vocabulary")
def text(
    path: TextSource,
    *,
    unit: Unit = "character",
    max_length: int | None = None,
    unfit: Unfit = "refuse",
    min_count: int = 1,
    max_size: int | None = None,
    lower: bool = False,
    classes: bool = False,
    vocabulary: Vocabulary | Mapping[str, Any] | None = None,
    val_size: int | None = None,
    test_size: int | None = None,
    seed: int = 0,
) -> Dataset:
    """Texts as rows of codes [N, T] int64, T the longest text and its end.

    The vocabulary is that of the training texts. What only the others hold becomes the code 3,
    "unknown"; `info["unknown"]` says which share of the codes of the test texts that is.
    `supplies` holds the vocabulary for `models.TextVAE`, in its JSON form.

    Args:
        path: A UTF-8 file with one text a line, or a list of texts.
        unit: What one code stands for: "character", "byte" or "word".
        max_length: Longest text in these units; None is that of the longest.
        unfit: "skip" leaves out lines that are empty or longer than `max_length`, and
            `info["skipped"]` counts them; "refuse" is an error that names the first.
        min_count: Characters or words that occur less often in training are unknown.
        max_size: At most so many characters or words, the most frequent; None is all.
        lower: Bring text to lower case.
        classes: Each line is a class, a tab, and the text. The classes become y, numbered in the
            order of their names, which `info["classes"]` holds; see `Dataset.labelled`.
        vocabulary: One that is known, of a trained model, say; the four choices before are then
            its own.
        val_size: Number of texts for `val`; None is a tenth.
        test_size: Number of texts for `test`; None is a tenth.
        seed: Of the split.

    Raises:
        DataError: The file is missing, empty or not UTF-8, a line is unfit or has no class, most
            of the text is not known, the rows are too many for their length, or the sizes leave
            nothing to train on.
        ConfigError: A choice is not known, or is given besides a vocabulary that has made it.

    Example:
        >>> found = text(["ada", "grace", "edith", "mary"], val_size=1, test_size=1)
        >>> found.train
        Split(2 x [6] int64)
    """
    where = "data.text"
    if unfit not in get_args(Unfit):
        raise ConfigError(f"{where}: unfit={unfit!r} is not known; use 'refuse' or 'skip'")
    labels, lines = None, read_lines(path, where)
    if classes:
        labels, lines = split_classes(lines, where)
    given = None if vocabulary is None else _given(vocabulary, unit, min_count, max_size, lower)
    reader = given or Vocabulary((), unit, lower=lower)
    lengths = [len(reader.parts(line)) for line in lines]
    kept = _kept(lines, lengths, max_length, unfit, reader.unit, where)
    length = max(lengths[i] for i in kept) if max_length is None else max_length
    _check_size(kept, lengths, length, reader.unit, where)
    sizes = tuple(len(kept) // 10 if s is None else s for s in (val_size, test_size))
    parts = [
        [kept[i] for i in rows] for rows in partition(where, len(kept), (sizes[0], sizes[1]), seed)
    ]
    known = given or Vocabulary.of(
        (lines[i] for i in parts[0]), unit, min_count=min_count, max_size=max_size, lower=lower
    )
    ordered = sorted(set(labels or ()))
    numbers = {label: number for number, label in enumerate(ordered)}
    splits = []
    for rows in parts:
        y = None if labels is None else torch.tensor([numbers[labels[i]] for i in rows]).long()
        splits.append(Split(known.encode([lines[i] for i in rows], length + 1), y))
    shares = [known.share_unknown(split.x) for split in splits]
    if shares[0] > 0.5:
        raise DataError(
            f"{where}: {shares[0]:.0%} of the {known.unit}s of the training texts, such as "
            f"{shown(lines[parts[0][0]])}, are not in the vocabulary; give that of these texts, "
            "or leave it out"
        )
    info = {
        "unit": known.unit, "seed": seed, "skipped": len(lines) - len(kept), "unknown": shares[2],
        **({"classes": ordered} if labels else {}),
    }  # fmt: skip
    train, val, test = splits
    return Dataset("text", train, val, test, info, {"vocabulary": known.to_json()})


@supplying("vocabulary")
def names(
    root: Root = None, *, val_size: int = 1000, test_size: int = 1000, seed: int = 0
) -> Dataset:
    """The names of `names.txt` in a data folder, one a line, as rows of characters [N, T].

    Args:
        root: The folder; None is that in the environment variable PYROVAE_DATA.
        val_size: Number of names for `val`.
        test_size: Number of names for `test`.
        seed: Of the split.

    Raises:
        DataError: No folder is known, or it holds no such file.

    Source:
        First names in the United States, Social Security Administration, public domain.
    """
    file = find_root("names", root) / "names.txt"
    if not file.is_file():
        raise DataError(
            f"names: there is no file {file}; give as root= the folder that holds names.txt, a "
            "file of one name a line, or read another file by data.text(path)"
        )
    found = text(file, val_size=val_size, test_size=test_size, seed=seed)
    return Dataset("names", found.train, found.val, found.test, found.info, found.supplies)


def _given(
    vocabulary: Vocabulary | Mapping[str, Any],
    unit: Unit,
    min_count: int,
    max_size: int | None,
    lower: bool,
) -> Vocabulary:
    known = Vocabulary.from_json(vocabulary)
    if (unit, min_count, max_size, lower) != ("character", 1, None, False) and (
        (unit, min_count, max_size, lower) != (known.unit, 1, None, known.lower)
    ):
        raise ConfigError(
            f"data.text: a vocabulary is given, of unit={known.unit!r} and lower={known.lower}, "
            "and unit, min_count, max_size or lower besides, which it has fixed; leave them out"
        )
    return known


def _check_size(
    kept: Sequence[int], lengths: Sequence[int], length: int, unit: str, where: str
) -> None:
    """Refuse rows that one long text makes too wide for the memory of most machines."""
    if len(kept) * (length + 1) <= _MOST_CODES:
        return
    place = max(kept, key=lambda i: lengths[i])
    usual = sorted(lengths[i] for i in kept)[len(kept) // 2]
    raise DataError(
        f"{where}: {len(kept):,} texts as rows of {length + 1:,} codes are more than "
        f"{_MOST_CODES:,} codes; line {place + 1} has {lengths[place]:,} {unit}s, and half of the "
        f"lines at most {usual:,}. Give a smaller max_length, and unfit='skip' to leave longer "
        "lines out, or cut long lines before"
    )


def _kept(
    lines: Sequence[str],
    lengths: Sequence[int],
    max_length: int | None,
    unfit: Unfit,
    unit: str,
    where: str,
) -> list[int]:
    """The places of the lines that are neither empty nor too long."""
    if max_length is not None and max_length < 1:
        raise ConfigError(f"{where}: max_length={max_length}; it needs a whole number above 0")
    kept = []
    for place, length in enumerate(lengths):
        wrong = None
        if length == 0:
            wrong = "is empty"
        elif max_length is not None and length > max_length:
            wrong = f"has {length} {unit}s, and max_length={max_length}"
        if wrong is None:
            kept.append(place)
        elif unfit == "refuse":
            raise DataError(
                f"{where}: line {place + 1}, {shown(lines[place])}, {wrong}; mend the text, or "
                "leave such lines out by unfit='skip'"
            )
    if not kept:
        raise DataError(
            f"{where}: none of the {len(lines)} lines is left; all are empty or longer than "
            f"max_length={max_length}"
        )
    return kept
