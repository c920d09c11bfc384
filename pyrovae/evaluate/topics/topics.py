"""Topics by their words, with what tells good ones from bad ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from ...data import Dataset, rows
from ...errors import ConfigError
from ...runtime.result import Result
from .coherence import coherence_of, joint_frequencies, npmi

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Topics(Result):
    """Topics, the most coherent first.

    Attributes:
        words: Of each topic, the likeliest first.
        coherence: Of each topic: mean NPMI of all pairs of its words, between -1 and 1.
        diversity: Share of different words among those of all topics: 1 where no two share one.
        num_documents: On which coherence was measured.
        numbers_of_topics: The place of each in what was given, from 1.
    """

    words: Sequence[Sequence[str]]
    coherence: Sequence[float]
    diversity: float
    num_documents: int
    numbers_of_topics: Sequence[int]

    @property
    def mean_coherence(self) -> float:
        """Over all topics."""
        return sum(self.coherence) / len(self.coherence)

    def cells(self) -> list[list[str]]:
        rows = [
            [str(number), f"{value:.3f}", " ".join(words)]
            for number, value, words in zip(
                self.numbers_of_topics, self.coherence, self.words, strict=True
            )
        ]
        return [["topic", "NPMI", "words"], *rows]

    def notes(self) -> list[str]:
        return [
            f"mean NPMI {self.mean_coherence:.3f} over {self.num_documents:,} documents; "
            f"{self.diversity:.0%} of their words are different"
        ]

    def numbers(self) -> dict[str, Any]:
        return {
            "coherence": list(self.coherence),
            "mean_coherence": self.mean_coherence,
            "diversity": self.diversity,
            "topics": [list(words) for words in self.words],
            "numbers_of_topics": list(self.numbers_of_topics),
            "num_documents": self.num_documents,
        }

    def plot(self) -> "Figure":
        """The coherence of each topic as a bar, with its words."""
        from matplotlib.figure import Figure

        count = len(self.words)
        figure = Figure(figsize=(9, 0.9 + 0.3 * count), dpi=120, layout="constrained")
        axes = figure.subplots()
        places = list(range(count))[::-1]
        axes.barh(places, list(self.coherence), color="C0")
        names = ["  ".join(words[:6]) for words in self.words]
        axes.set_yticks(places, names)
        axes.axvline(self.mean_coherence, color="C1", linewidth=1)
        axes.set(
            xlabel=f"coherence (NPMI), mean {self.mean_coherence:.2f}", ylim=(-0.6, count - 0.4)
        )
        return figure


def topics(
    words: Sequence[Sequence[str | int]],
    documents: Any,  # noqa: ANN401
    *,
    vocabulary: Sequence[str] | None = None,
) -> Topics:
    """Coherence and diversity of topics, from their likeliest words.

    Coherence says how often the words of a topic stand in the same documents. It is higher for
    rare words, so compare topics of one corpus, with as many words each. On the documents of the
    training it is optimistic.

    Args:
        words: Of each topic, the likeliest first, such as `TopicModel.topics(10)`: words of the
            vocabulary, or numbers of columns.
        documents: Counts of words [N, V] of any kind that `data.rows` takes; of a `Dataset` its
            training data. They are read a thousand rows at a time.
        vocabulary: The V words; left out where a `Dataset` supplies it, or there are numbers.

    Raises:
        ConfigError: There are no topics, or a word is not in the vocabulary.

    Source:
        NPMI of topics: Evaluating Topic Coherence Using Distributional Semantics (Aletras &
        Stevenson, 2013), https://aclanthology.org/W13-0102; diversity: Topic Modeling in Embedding
        Spaces (Dieng, Ruiz & Blei, 2020), sec. 6, https://arxiv.org/abs/1907.04907

    Example:
        >>> x = torch.tensor([[1, 1, 0], [2, 1, 0], [0, 0, 3], [0, 0, 1]])
        >>> topics([["tea", "milk"], ["tea", "screw"]], x, vocabulary=["tea", "milk", "screw"])
        topic    NPMI  words
        1       1.000  tea milk
        2      -1.000  tea screw
        mean NPMI 0.000 over 4 documents; 75% of their words are different
    """
    if isinstance(documents, Dataset):
        vocabulary = documents.supplies.get("vocabulary") if vocabulary is None else vocabulary
        documents = documents.train
    data = rows(documents)
    size = data[:1][0].shape[1:].numel()
    if not len(words) or not all(map(len, words)):
        raise ConfigError("topics got none, or one without words; give the words of each topic")
    place_of = None if vocabulary is None else {w: i for i, w in enumerate(vocabulary)}
    places = [[_place(word, place_of, size) for word in topic] for topic in words]
    columns = sorted({place for topic in places for place in topic})
    pairs = npmi(joint_frequencies(data, torch.tensor(columns)), len(data))
    at = {column: i for i, column in enumerate(columns)}
    values = [coherence_of(pairs, [at[place] for place in topic]) for topic in places]
    order = sorted(range(len(words)), key=lambda i: -values[i])
    return Topics(
        words=[[str(word) for word in words[i]] for i in order],
        coherence=[values[i] for i in order],
        diversity=len(columns) / sum(map(len, places)),
        num_documents=len(data),
        numbers_of_topics=[i + 1 for i in order],
    )


def _place(word: str | int, place_of: dict[str, int] | None, size: int) -> int:
    found = place_of.get(str(word)) if place_of is not None else None
    if found is None and str(word).isdecimal() and (place_of is None or isinstance(word, int)):
        found = int(word)
    if found is None or not 0 <= found < size:
        raise ConfigError(
            f"topics: {word!r} is no word of the vocabulary and no column of {size:,}; give the "
            "vocabulary that the documents were counted with"
        )
    return found
