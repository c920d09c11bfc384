"""Continuous Bernoulli likelihood for values between 0 and 1."""

import pyro.distributions as dist
import torch
from torch import Tensor
from torch.distributions import constraints

from .base import Likelihood, Reading, Sizes, Values


class ContinuousBernoulli(Likelihood):
    """Continuous Bernoulli likelihood of grey values in [0, 1]; the decoder outputs logits.

    Log-densities may be positive and do not compare with those of a Bernoulli. The mean is not
    the sigmoid of the logit: at a logit of 5 it is .81.

    Source:
        The continuous Bernoulli: fixing a pervasive error in variational autoencoders
        (Loaiza-Ganem & Cunningham, 2019), eq. 4-6, https://arxiv.org/abs/1907.06845

    Example:
        >>> ContinuousBernoulli()(torch.zeros(3, 1, 8), event_dim=1).log_prob(torch.rand(3, 8))
        tensor([0., 0., 0.])
    """

    needs = "values in [0, 1]"
    bounds = (0.0, 1.0)

    def distribution(self, params: Tensor) -> dist.TorchDistribution:
        return _ContinuousBernoulli(params[0])

    def reading(self, parameter: int) -> Reading:
        return "logits"

    def accepts(self, values: Values) -> bool:
        return values.low >= 0 and values.high <= 1

    @classmethod
    def suggest(cls, values: Values) -> str | None:
        grey = values.low >= 0 and values.high <= 1 and not values.whole
        return "ContinuousBernoulli()" if grey else None


class _ContinuousBernoulli(dist.TorchDistribution):
    r"""Density :math:`e^{l x} l / (e^l - 1)` on [0, 1] for a logit l of any size.

    torch's distribution of this name clamps the probability in its normaliser: in float32 its
    density integrates to .80 at a logit of 20. With u = l / 2, the log-density is
    l (x - 1/2) - log(sinh(u) / u), and mean and variance are derivatives of the last term.
    """

    arg_constraints = {"logits": constraints.real}
    support = constraints.unit_interval

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits
        super().__init__(logits.shape, validate_args=False)

    def expand(self, batch_shape: Sizes, _instance: None = None) -> "_ContinuousBernoulli":
        return _ContinuousBernoulli(self.logits.expand(batch_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        return self.logits * (value - 0.5) - _log_sinhc(self.logits / 2)

    @property
    def mean(self) -> Tensor:
        return 0.5 + _log_sinhc_slope(self.logits / 2) / 2

    @property
    def variance(self) -> Tensor:
        return _log_sinhc_curvature(self.logits / 2) / 4

    def sample(self, sample_shape: Sizes = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        with torch.no_grad():
            # The inverse CDF of a negative logit cannot overflow; a positive one is mirrored.
            # Clamping at eps avoids 0 / 0 and changes a sample by less than its rounding.
            steep = self.logits.abs().clamp(min=torch.finfo(self.logits.dtype).eps)
            u = torch.rand(shape, dtype=steep.dtype, device=steep.device)
            x = -torch.log1p(u * torch.expm1(-steep)) / steep
            return torch.where(self.logits > 0, 1 - x, x)


# Taylor coefficients of log(sinh(u) / u) in u^2, u^4, ...: the error is below 1e-15 for u < .2.
_SERIES = (1 / 6, -1 / 180, 1 / 2835, -1 / 37800, 1 / 467775)


def _log_sinhc(u: Tensor) -> Tensor:
    small, near, far = _regions(u)
    series = sum(c * near ** (2 * n) for n, c in enumerate(_SERIES, 1))
    return torch.where(small, series, far + torch.log1p(-torch.exp(-2 * far)) - (2 * far).log())


def _log_sinhc_slope(u: Tensor) -> Tensor:
    small, near, far = _regions(u)
    series = sum(2 * n * c * near ** (2 * n - 1) for n, c in enumerate(_SERIES, 1))
    return torch.where(small, series, u.sign() * (1 / torch.tanh(far) - 1 / far))


def _log_sinhc_curvature(u: Tensor) -> Tensor:
    small, near, far = _regions(u)
    series = sum(2 * n * (2 * n - 1) * c * near ** (2 * n - 2) for n, c in enumerate(_SERIES, 1))
    sinh_to_minus_2 = 4 * torch.exp(-2 * far) / torch.expm1(-2 * far) ** 2
    return torch.where(small, series, far**-2 - sinh_to_minus_2)


def _regions(u: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    # Each branch gets arguments in its own domain, so that no gradient is 0 * inf.
    small = u.abs() < 0.2
    return small, torch.where(small, u, 0.0), torch.where(small, 1.0, u.abs())
