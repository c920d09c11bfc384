"""Negative binomial likelihood of counts."""

from collections.abc import Iterator, Sequence

import pyro.distributions as dist
from torch import Tensor

from ...distributions import negative_binomial
from .counts import Counts, SizeFactor
from .positive import Positive, Source


class NegativeBinomial(Counts):
    """Negative binomial likelihood of overdispersed counts, by mean and inverse dispersion.

    The variance is mu + mu^2 / theta for the mean mu and the inverse dispersion theta. The
    decoder outputs log mu (with a size factor the logits of shares), then log theta if that is
    predicted.

    Args:
        inverse_dispersion: theta: "predicted" for each element, "learned", or a number.
        shape: Of a learned theta: () for one, the shape of a datum for one per dimension.
        size_factor: "total" for means that are shares of a datum's total: see `counts.Counts`.

    Raises:
        ConfigError: A number is not positive, a word is not known, or `shape` is given for a
            theta that is not learned.
        ShapeError: The data do not end in `shape`.

    Source:
        Deep generative modeling for single-cell transcriptomics (Lopez et al., 2018), Methods,
        https://doi.org/10.1038/s41592-018-0229-2

    Example:
        >>> import torch
        >>> head = NegativeBinomial("learned", shape=(8,), size_factor="total")
        >>> head(torch.zeros(3, 1, 8), event_dim=1).log_prob(torch.ones(3, 8)).shape
        torch.Size([3])
    """

    def __init__(
        self,
        inverse_dispersion: Source = "predicted",
        *,
        shape: Sequence[int] = (),
        size_factor: SizeFactor = None,
    ) -> None:
        super().__init__(size_factor)
        self.inverse_dispersion = Positive(
            type(self).__name__, "inverse_dispersion", inverse_dispersion, shape=shape
        )
        self.num_parameters = 1 + self.inverse_dispersion.num_parameters

    def counts(self, log_mean: Tensor, outputs: Iterator[Tensor]) -> dist.TorchDistribution:
        log_theta = self.inverse_dispersion.log(log_mean, outputs)
        return negative_binomial.NegativeBinomial(log_mean, log_theta)

    def extra_repr(self) -> str:
        return ", ".join(
            filter(None, [self.inverse_dispersion.extra_repr(), super().extra_repr()])
        )
