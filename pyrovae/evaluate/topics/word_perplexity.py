"""Perplexity of words of documents that are counts."""

import math
from dataclasses import dataclass
from typing import Any, Unpack, cast

import torch
from torch import Tensor

from ...errors import ConfigError, DataError
from ...particles.conditionals import conditionals
from ...particles.pair import takes_pair
from ...particles.tracing import Program
from ...runtime.result import Result
from ..inputs import Data, Inputs
from ..log_evidence import log_evidence
from ..options import SweepOptions
from ..sweep import sweep_over, sweeps
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
@sweeps
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
        ConfigError: The likelihood is not multinomial: of independent counts, log p(x) is also of
            how many words there are.
        DataError: There are no words.

    Example:
        >>> from pyrovae.models import TopicModel
        >>> model = TopicModel((50,), 2)
        >>> word_perplexity(model, torch.ones(4, 50), num_particles=10).words
        tensor([50., 50., 50., 50.], dtype=torch.float64)
    """
    inputs = Inputs.of(x, args, columns=options.get("columns"), transform=options.get("transform"))
    _check_multinomial(model, guide, inputs, options)
    found = log_evidence(model, guide, x, *args, num_particles=num_particles, **options)
    data = inputs.source
    words, orders = [], []
    for part in blocks_of(data):
        counts = part.double().cpu()
        words.append(counts.sum(1))
        orders.append(torch.lgamma(words[-1] + 1) - torch.lgamma(counts + 1).sum(1))
    number = torch.cat(words)
    if not bool((number > 0).any()):
        raise DataError("word_perplexity: the documents have no words; give counts of words")
    return WordPerplexity(found.log_px - torch.cat(orders), number, num_particles)


def _check_multinomial(
    model: Program, guide: Program, inputs: Inputs, options: SweepOptions
) -> None:
    """Look at the observed sites of one document."""
    if not inputs.num_data:
        return
    first, *rest = inputs.rows(slice(0, 1))
    few = {k: v for k, v in options.items() if k not in ("columns", "transform")}
    few["seed"] = 0  # takes none from the global stream
    sweep = sweep_over(model, guide, first, tuple(rest), 1, cast(SweepOptions, few))
    (sites,) = sweep.each(lambda block: conditionals(block.model, *block.args))
    kinds = {type(_bare(site.fn)).__name__ for site in sites.values() if site.is_observed}
    if kinds != {"Multinomial"}:
        raise ConfigError(
            f"word_perplexity needs p(x|z) of counts given their number, and the model observes "
            f"{', '.join(sorted(kinds)) or 'nothing'}, whose log p(x) is also of how many words "
            "there are; give a pair with nn.Multinomial(), such as TopicModel"
        )


def _bare(fn: Any) -> Any:  # noqa: ANN401
    while hasattr(fn, "base_dist"):
        fn = fn.base_dist
    return fn
