"""Normal likelihoods with a fixed, a learned or a predicted scale."""

import math

import pyro.distributions as dist
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from ...errors import ConfigError, ShapeError
from .base import Likelihood, Reading, Values


class RealNumbers(Likelihood):
    """A likelihood whose support is all real numbers."""

    needs = "finite numbers"

    def reading(self, parameter: int) -> Reading:
        return "log" if parameter else "mean"

    def accepts(self, values: Values) -> bool:
        return True

    @classmethod
    def suggest(cls, values: Values) -> str | None:
        # A density does not suit levels, which are whole numbers.
        return f"{cls.__name__}()" if values.top_level is None else None


class Normal(RealNumbers):
    """Normal likelihood of real data with one fixed scale; the decoder outputs the mean.

    It misleads on grey levels: a small scale makes the density arbitrarily large, and it has mass
    outside the range. Like the beta of a beta-VAE, the scale sets how much the latents are used.

    Args:
        scale: Standard deviation of every element, in units of the data.

    Raises:
        ConfigError: `scale` is not positive.

    Example:
        >>> Normal(scale=0.1)(torch.zeros(3, 1, 8), event_dim=1).event_shape
        torch.Size([8])
    """

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        self.scale = _positive("Normal", "scale", scale)

    def distribution(self, params: Tensor) -> dist.TorchDistribution:
        # new_full makes the scale on the device, without a copy from the host in each step.
        return dist.Normal(params[0], params.new_full((), self.scale), validate_args=False)

    def extra_repr(self) -> str:
        return f"scale={self.scale:g}"


class LearnedNormal(RealNumbers):
    """Normal likelihood of real data with a learned scale: one, or one per dimension.

    All data share it; the decoder outputs the mean. In a dimension without noise the scale shrinks
    and the density grows without bound.

    Args:
        shape: Shape of the scale, which matches the last axes of the data: () for one scale, the
            shape of a datum for one per dimension.
        init_scale: Standard deviation to start from, in units of the data.

    Raises:
        ConfigError: `init_scale` is not positive.
        ShapeError: The data do not end in `shape`.

    Source:
        Simple and Effective VAE Training with Calibrated Decoders (Rybkin et al., 2021), sec. 3,
        https://arxiv.org/abs/2006.13202

    Example:
        >>> LearnedNormal(shape=(8,))(torch.zeros(3, 1, 8), event_dim=1).event_shape
        torch.Size([8])
    """

    def __init__(self, shape: tuple[int, ...] = (), init_scale: float = 1.0) -> None:
        super().__init__()
        self.shape = tuple(shape)
        self.init_scale = _positive("LearnedNormal", "init_scale", init_scale)
        self.log_scale = nn.Parameter(torch.full(self.shape, math.log(self.init_scale)))

    def distribution(self, params: Tensor) -> dist.TorchDistribution:
        loc = params[0]
        if tuple(loc.shape[max(loc.dim() - len(self.shape), 0) :]) != self.shape:
            raise ShapeError(
                f"{self} got means of shape {tuple(loc.shape)}, which should end in {self.shape}; "
                "give the shape of one datum, or () for one scale"
            )
        return dist.Normal(loc, self.log_scale.exp(), validate_args=False)

    def extra_repr(self) -> str:
        return f"shape={self.shape}, init_scale={self.init_scale:g}"


class PredictedNormal(RealNumbers):
    """Normal likelihood of real data; the decoder outputs mean and scale of each element.

    The scale is min_scale + softplus(r) for the second output r: about exp(r) for small r, r for
    large. Without a floor the density is unbounded where the decoder hits a datum, and training
    diverges.

    Args:
        min_scale: Smallest standard deviation, in units of the data; about their resolution.

    Raises:
        ConfigError: `min_scale` is not positive.

    Source:
        Auto-Encoding Variational Bayes (Kingma & Welling, 2014), app. C.2,
        https://arxiv.org/abs/1312.6114

    Example:
        >>> PredictedNormal()(torch.zeros(3, 2, 8), event_dim=1).event_shape
        torch.Size([8])
    """

    num_parameters = 2

    def __init__(self, min_scale: float = 1e-3) -> None:
        super().__init__()
        self.min_scale = _positive("PredictedNormal", "min_scale", min_scale)

    def distribution(self, params: Tensor) -> dist.TorchDistribution:
        loc, raw = params.unbind(0)
        return dist.Normal(loc, self.min_scale + softplus(raw), validate_args=False)

    def extra_repr(self) -> str:
        return f"min_scale={self.min_scale:g}"


def _positive(where: str, name: str, value: float) -> float:
    if not 0 < value < math.inf:
        raise ConfigError(f"{where} got {name}={value}; it needs a positive, finite number")
    return float(value)
