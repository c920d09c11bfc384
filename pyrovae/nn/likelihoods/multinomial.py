"""Multinomial likelihood of counts given their total."""

from collections.abc import Iterator

from pyro.distributions import TorchDistribution
from torch import Tensor

from ...distributions import multinomial
from ...errors import ConfigError
from .base import Values
from .counts import Counts, SizedCounts


class Multinomial(Counts):
    """Multinomial likelihood of counts given their total, as of the words of a document.

    The decoder outputs logits of shares: a softmax over the elements of a datum. The total n is
    taken as given: what is called log p(x) is log p(x | n), a probability of the counts. That of
    the words in their order lacks the number of orders, n! / (x_1! ... x_D!), and is smaller:
    see `evaluate.word_perplexity`. Counts that spread more than a multinomial fit
    `NegativeBinomial(size_factor="total")`.

    `generate` takes the mean total of the training, or `size=`. Elements are not independent, so
    what needs a distribution of each element, such as lossless compression, refuses it.

    Example:
        >>> import torch
        >>> Multinomial()(torch.zeros(1, 4), event_dim=1).log_prob(
        ...     torch.tensor([0.0, 2.0, 1.0, 1.0]))  # 4! / 2! ways of 1 / 4 ** 4
        tensor(-3.0603)
    """

    def __init__(self) -> None:
        super().__init__("total")

    def counts(self, log_mean: Tensor, outputs: Iterator[Tensor]) -> TorchDistribution:
        raise ConfigError(
            "Multinomial got data without an axis of elements, or is asked for a distribution of "
            "each: the counts of a datum depend on each other through their total; "
            'Poisson(size_factor="total") has independent ones'
        )

    def of_size(self, made: SizedCounts, log_size: Tensor) -> TorchDistribution:
        total = log_size.exp()
        return multinomial.Multinomial(made.log_shares, total, made.event_axes, made.observed)

    @classmethod
    def suggest(cls, values: Values) -> str | None:
        return None  # Whether a total is given, values do not say.

    def extra_repr(self) -> str:
        return ""
