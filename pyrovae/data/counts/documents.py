"""Documents as counts of their words, kept sparse."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from ...errors import ConfigError, DataError, first_line
from ..base import Dataset, partition, supplying
from ..rows import SparseRows, SparseSplit
from .checks import empty_rows, size_of


@supplying("vocabulary")
def documents(
    source: str | Path | Sequence[str],
    *,
    val: int | float = 0.1,
    test: int | float = 0.1,
    seed: int = 0,
    min_df: int | float = 2,
    max_df: int | float = 0.5,
    max_words: int | None = None,
    stop_words: str | Sequence[str] | None = "english",
    pattern: str = r"(?u)\b[^\W\d_]{2,}\b",
    vocabulary: Sequence[str] | None = None,
) -> Dataset:
    """Documents as bags of words [N, V], split at random and kept sparse.

    The vocabulary is that of the training documents, in alphabetical order; it is
    `supplies["vocabulary"]`, which a `models.TopicModel` needs. Words of other documents that are
    not in it are left out, and documents of which nothing remains are dropped: `info` counts
    both, as "unknown_words" (of "words") and "dropped_documents".

    Args:
        source: Path of a text file with one document a line, or of a folder of .txt files, one
            document each; or a list of texts.
        val: Share of the documents as a float, or their number as an integer.
        test: The same for `test`.
        seed: Of the split.
        min_df: Least number (an integer) or share (a float) of training documents that a word of
            the vocabulary is in.
        max_df: The most of them.
        max_words: Keep so many words, the most frequent ones.
        stop_words: Words to leave out: "english" for scikit-learn's list, a list, or None.
        pattern: Regular expression of a word, looked for in lower case. By default two letters or
            more of any script, without digits.
        vocabulary: Words to count instead, in this order.

    Raises:
        DataError: There are no documents, none has a word of the vocabulary, or a file cannot be
            read.
        ConfigError: An option is out of range.

    Example:
        >>> found = documents(["the cat sat", "the cat ran", "cats sit", "a cat sat"], val=0,
        ...                   test=1, min_df=1, max_df=1.0)
        >>> found.train, found.supplies["vocabulary"]
        (SparseSplit(3 x [4] float32, 6 entries), ['cat', 'cats', 'sat', 'sit'])
    """
    from sklearn.feature_extraction.text import CountVectorizer  # takes a second

    texts = _texts(source)
    sizes = tuple(size_of("documents", name, size, len(texts)) for name, size in
                  (("val", val), ("test", test)))  # fmt: skip
    parts = partition("documents", len(texts), sizes, seed)  # type: ignore[arg-type]
    if isinstance(stop_words, Sequence) and not isinstance(stop_words, str):
        stop_words = list(stop_words)
    try:
        counter = CountVectorizer(
            min_df=min_df, max_df=max_df, max_features=max_words, stop_words=stop_words,
            token_pattern=pattern, vocabulary=None if vocabulary is None else list(vocabulary),
        )  # fmt: skip
        train = counter.fit_transform([texts[i] for i in parts[0]])
    except ValueError as error:
        kind = DataError if "vocabulary" in str(error) or "no terms" in str(error) else ConfigError
        raise kind(
            f"documents: no vocabulary can be made of {len(parts[0]):,} training documents "
            f"({first_line(error)}); lower min_df, raise max_df, or correct the option"
        ) from error
    words = list(map(str, counter.get_feature_names_out()))
    matrices = [train, *(counter.transform([texts[i] for i in part]) for part in parts[1:])]
    splits, known, dropped = [], 0.0, 0
    for matrix in matrices:
        rows = SparseRows.of_scipy("documents", matrix).in_type(torch.get_default_dtype())
        known += float(rows.totals().sum())
        bare = empty_rows(rows)
        kept = torch.ones(len(rows), dtype=torch.bool)
        kept[bare] = False
        splits.append(SparseSplit(rows)[kept])
        dropped += len(bare)
    if not len(splits[0]):
        raise DataError("documents: no training document has a word of the vocabulary")
    analyse = counter.build_analyzer()
    said = sum(len(analyse(text)) for text in texts)
    info = {"binarize": "none", "levels": None, "unit": False, "seed": seed, "words": said,
            "unknown_words": said - int(known), "dropped_documents": dropped}  # fmt: skip
    return Dataset(
        "documents", splits[0], splits[1], splits[2], info=info, supplies={"vocabulary": words}
    )


def _texts(source: Any) -> list[str]:  # noqa: ANN401
    """The documents of a file, of a folder or of a list.

    Raises:
        DataError: There are none, or one cannot be read.
    """
    if isinstance(source, str | Path):
        place = Path(source).expanduser()
        try:
            if place.is_dir():
                files = sorted(place.rglob("*.txt"))
                texts = [file.read_text(encoding="utf-8-sig") for file in files]
            else:
                texts = place.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(
                f"documents: {place} cannot be read as text ({error}); give a UTF-8 file with one "
                "document a line, a folder of .txt files, or a list of texts"
            ) from error
    else:
        texts = list(source)
        strange = next((text for text in texts if not isinstance(text, str)), None)
        if strange is not None:
            raise DataError(
                f"documents: got a {type(strange).__name__} among the texts; give strings, or "
                "counts of words to data.counts"
            )
    texts = [text for text in texts if text.strip()]
    if not texts:
        raise DataError(f"documents: {str(source)[:80]} holds no documents; give one a line")
    return texts
