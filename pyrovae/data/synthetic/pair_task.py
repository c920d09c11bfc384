"""Pairs of a source and one of its right answers, all of which are known."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...errors import DataError, ShapeError


@dataclass(frozen=True)
class PairScore:
    """How good answers are, and how many of the right ones they cover.

    Attributes:
        right: Share of the answers that are right.
        covered: Share of the right answers of a source that were given, a mean over sources. With
            D answers to a source it is at most D by the number of right ones.
        mass: Probability of the right answers that were given, a mean over sources.
    """

    right: float
    covered: float
    mass: float

    def __str__(self) -> str:
        return (
            f"right {self.right:.3f}, of the right answers covered {self.covered:.3f}, "
            f"by probability {self.mass:.3f}"
        )


class PairTask(ABC):
    """A source has several right answers, of known probabilities.

    The true p(answer|source) is known, and with it the entropy, which no model's mean NLL can
    beat: in nats for each answer. A network that gives one answer to each source can be always
    right, and still covers few of the right ones.
    """

    @abstractmethod
    def sources(self, n: int, *, seed: int = 0) -> list[str]:
        """Some sources, each once.

        Raises:
            DataError: There are not so many.
        """

    @abstractmethod
    def answers(self, source: str) -> Mapping[str, float]:
        """The right answers and their probabilities, which sum to one.

        Raises:
            DataError: It is no source of this task.
        """

    def pairs(self, n: int, *, seed: int = 0) -> list[tuple[str, str]]:
        """Draws of (source, answer), each source once."""
        sources = self.sources(n, seed=seed)
        drawn = torch.Generator().manual_seed(seed)
        levels = torch.rand(n, generator=drawn, dtype=torch.float64).tolist()
        return [
            (source, _quantile(self.answers(source), level))
            for source, level in zip(sources, levels, strict=True)
        ]

    def log_prob(self, pairs: Sequence[tuple[str, str]]) -> Tensor:
        """The true log p(answer|source) of pairs, in nats [N]; minus infinity of wrong answers."""
        found = [self.answers(source).get(answer, 0.0) for source, answer in pairs]
        return torch.tensor(found, dtype=torch.float64).log()

    def entropy(self, sources: Sequence[str]) -> Tensor:
        """The entropy of the answers to each source, in nats [N]."""
        found = [
            -sum(p * math.log(p) for p in self.answers(source).values()) for source in sources
        ]
        return torch.tensor(found, dtype=torch.float64)

    def score(self, sources: Sequence[str], given: Sequence[Sequence[str]]) -> PairScore:
        """Score answers that were given, D or fewer to each source.

        Args:
            sources: N of them.
            given: The answers to each [N][D]; those that are there twice cover no more.

        Raises:
            ShapeError: There are not as many as sources, or a source has none.
        """
        if len(given) != len(sources) or not all(len(some) for some in given):
            raise ShapeError(
                f"{type(self).__name__}.score got answers to {len(given)} sources and "
                f"{len(sources)} sources; give one answer or more to each"
            )
        right, covered, mass, total = 0, 0.0, 0.0, sum(map(len, given))
        for source, some in zip(sources, given, strict=True):
            known = self.answers(source)
            found = set(some) & set(known)
            right += sum(answer in known for answer in some)
            covered += len(found) / len(known)
            mass += sum(known[answer] for answer in found)
        return PairScore(right / total, covered / len(sources), mass / len(sources))


def _quantile(answers: Mapping[str, float], level: float) -> str:
    below = 0.0
    for answer, probability in answers.items():
        below += probability
        if level < below:
            return answer
    return list(answers)[-1]


def check_count(n: int, known: int, where: str) -> None:
    """Check that there are so many sources.

    Raises:
        DataError: There are not.
    """
    if not 0 < n <= known:
        raise DataError(f"{where}.sources: n={n}, and there are {known}; ask for 1 to {known}")
