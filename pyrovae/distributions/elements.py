"""The elements of a datum, where a distribution takes them as independent of each other."""

from typing import cast

from pyro.distributions import Independent, TorchDistribution
from torch.distributions import Independent as TorchIndependent


def elements_of(fn: TorchDistribution) -> TorchDistribution | None:
    """The distribution of the elements of a datum, each by itself.

    Args:
        fn: Batch shape [...], event shape [*data_shape].

    Returns:
        Batch shape [..., *data_shape] and no event axes; None where the elements depend on each
        other, as those of a multivariate normal do.

    Example:
        >>> import pyro.distributions as dist, torch
        >>> elements_of(dist.Normal(torch.zeros(3, 5), 1.0).to_event(1)).batch_shape
        torch.Size([3, 5])
    """
    while isinstance(fn, Independent | TorchIndependent):
        fn = fn.base_dist
    return cast(TorchDistribution, fn) if not fn.event_shape else None
