"""Log-normal distribution that the compiler captures."""

import pyro.distributions as dist
from torch import Size, Tensor
from torch.distributions import TransformedDistribution
from torch.distributions.transforms import ExpTransform


class LogNormal(dist.LogNormal):
    """Log-normal distribution, unchecked down to its base.

    Pyro's makes its normal base without `validate_args`, so that its arguments are checked while
    a graph is traced, which the compiler refuses.

    Args:
        loc: Mean of the logarithm [*batch].
        scale: Standard deviation of the logarithm [*batch].

    Example:
        >>> import torch
        >>> LogNormal(torch.zeros(3), torch.ones(3)).log_prob(torch.ones(3)).shape
        torch.Size([3])
    """

    def __init__(self, loc: Tensor, scale: Tensor) -> None:
        base = dist.Normal(loc, scale, validate_args=False)
        TransformedDistribution.__init__(self, base, ExpTransform(), validate_args=False)

    def expand(
        self, batch_shape: Size | list[int] | tuple[int, ...], _instance: object = None
    ) -> "LogNormal":
        return LogNormal(self.loc.expand(batch_shape), self.scale.expand(batch_shape))
