"""Perplexity of words of documents that are counts."""

import math
from dataclasses import dataclass
from typing import Any, Unpack

import torch
from torch import Tensor

from ...data import rows
from ...errors import DataError
from ...particles.pair import takes_pair
from ...particles.tracing import Program
from ...runtime.result import Result
from ..inputs import Data
from ..log_evidence import log_evidence
from ..options import SweepOptions
from .coherence import blocks_of


@dataclass(frozen=True, eq=False)
class WordPerplexity(Result):
    """Perplexity per word: among how many equally likely words a model chooses, as it were.

    Attributes:
        log_px: log p of the words of each document in their order [N], nats, float64.
        words: Number of words of each document [N].
        num_particles: Of the estimate.
    """

    log_px: Tensor
    words: Tensor
    num_particles: int

    @property
    def nats(self) -> float:
        """Per word, over all words."""
        return -float(self.log_px.sum() / self.words.sum())

    @property
    def perplexity(self) -> float:
        """exp of it."""
        return math.exp(self.nats)

    @property
    def standard_error(self) -> float:
        """Of the perplexity, for other documents of this kind; NaN of one document."""
        rest = self.log_px + self.nats * self.words
        error = float(rest.std() * len(rest) ** 0.5 / self.words.sum())
        return self.perplexity * error

    def cells(self) -> list[list[str]]:
        value = f"{self.perplexity:.1f} +- {self.standard_error:.1f}"
        sizes = f"{len(self.words):,}", f"{int(self.words.sum()):,}"
        head = ["documents", "words", "nats per word", "perplexity"]
        return [head, [*sizes, f"{self.nats:.4f}", value]]

    def numbers(self) -> dict[str, Any]:
        return {
            "perplexity": self.perplexity,
            "standard_error": self.standard_error,
            "nats_per_word": self.nats,
            "num_documents": len(self.words),
            "num_words": int(self.words.sum()),
            "num_particles": self.num_particles,
        }


@takes_pair
def word_perplexity(
    model: Program,
    guide: Program,
    x: Data,
    *args: Any,  # noqa: ANN401 (whatever the pair takes)
    num_particles: int = 200,
    **options: Unpack[SweepOptions],
) -> WordPerplexity:
    """Perplexity per word of documents, under a pair whose likelihood is `nn.Multinomial`.

    log p(x | n) of each document is estimated by importance sampling (`log_evidence`), and the
    log of the number of orders of its words, n! / (x_1! ... x_V!), is subtracted. It is too high
    rather than too low. It compares with that of models of the same vocabulary alone.

    Args:
        model: Pyro model p(z)p(x|n, z), called as `model(x, *args)`.
        guide: Pyro guide q(z|x), called likewise.
        x: Counts of words [N, V] of any kind: see `SweepOptions`.
        num_particles: K.
        options: See `SweepOptions`.

    Raises:
        DataError: There are no words.

    Example:
        >>> from pyrovae.models import TopicModel
        >>> model = TopicModel((50,), 2)
        >>> word_perplexity(model, torch.ones(4, 50), num_particles=10).words
        tensor([50., 50., 50., 50.], dtype=torch.float64)
    """
    found = log_evidence(model, guide, x, *args, num_particles=num_particles, **options)
    data = rows(x, columns=options.get("columns"), transform=options.get("transform"))
    words, orders = [], []
    for part in blocks_of(data):
        counts = part.double().cpu()
        words.append(counts.sum(1))
        orders.append(torch.lgamma(words[-1] + 1) - torch.lgamma(counts + 1).sum(1))
    number = torch.cat(words)
    if not bool((number > 0).any()):
        raise DataError("word_perplexity: the documents have no words; give counts of words")
    return WordPerplexity(found.log_px - torch.cat(orders), number, num_particles)
