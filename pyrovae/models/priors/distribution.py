"""Any distribution, or module that gives one, as a prior."""

from typing import Any

import pyro.distributions as dist
import torch
from torch import nn
from torch.distributions import Distribution, TransformedDistribution

from ...distributions.as_pyro import as_pyro
from ...distributions.held_tensors import HeldTensors
from ...errors import ConfigError, ShapeError
from ...nn.flows.adapted import Adapted
from .base import Prior, PriorFactory


class DistributionPrior(Prior):
    """A distribution that somebody else makes, as p(z): a flow of zuko, for one.

    Its networks and tensors are trained, moved and saved with the pair. The families make this
    class of what they are given, so that `VAE(..., prior=zuko.flows.NSF(8))` works.

    Args:
        latent_dim: L.
        source: A module that gives a distribution of vectors [L] when it is called, or such a
            distribution, of torch or of Pyro. One of numbers serves all L elements.

    Raises:
        ConfigError: It gives no distribution, or one that cannot score any z.
        ShapeError: It is a distribution of other vectors.

    Example:
        >>> import torch
        >>> prior = DistributionPrior(3, torch.distributions.Laplace(0.0, torch.ones(3)))
        >>> prior().event_shape, prior().expand([5]).sample().shape
        (torch.Size([3]), torch.Size([5, 3]))
    """

    def __init__(self, latent_dim: int, source: nn.Module | Distribution) -> None:
        super().__init__(latent_dim)
        self.flow: Adapted | None = None
        if isinstance(source, TransformedDistribution):
            transforms = dist.transforms.ComposeTransform(source.transforms)
            self.flow = Adapted(self.latent_dim, 0, transforms)
            if not self.flow.scores_any:
                raise ConfigError(
                    "a prior scores what the guide drew, and this one has a transform without an "
                    "inverse; take one with an inverse, such as affine_coupling"
                )
            source = source.base_dist
        self.source = HeldTensors(source) if isinstance(source, Distribution) else source
        self()

    @classmethod
    def example(cls, latent_dim: int = 2) -> "DistributionPrior":
        return cls(latent_dim, _Shifted(latent_dim))

    def forward(self) -> dist.TorchDistribution:
        made = _of_vectors(self.source(), self.latent_dim)
        if self.flow is None:
            return made
        return dist.TransformedDistribution(made, [self.flow.condition()], validate_args=False)


def as_prior(prior: PriorFactory | Prior | Any, latent_dim: int) -> Prior:  # noqa: ANN401
    """A prior as it is, built by its factory, or made of a distribution: see `DistributionPrior`.

    Raises:
        ConfigError: It is none of these.
        ShapeError: It is a distribution of other vectors.
    """
    if isinstance(prior, Prior):
        return prior
    if isinstance(prior, nn.Module | Distribution):
        return DistributionPrior(latent_dim, prior)
    made = prior(latent_dim) if callable(prior) else prior
    if not isinstance(made, nn.Module | Distribution):
        raise ConfigError(
            f"prior={prior!r} gave a {type(made).__name__}; it needs a prior of pyrovae.models, a "
            "distribution, a module that gives one, or a function of latent_dim that makes these"
        )
    return as_prior(made, latent_dim)


def _of_vectors(made: object, latent_dim: int) -> dist.TorchDistribution:
    """A distribution with event shape [L] and no batch axes."""
    if not isinstance(made, Distribution):
        raise ConfigError(
            f"a prior of another library gave a {type(made).__name__} when it was called; it has "
            "to give a torch.distributions.Distribution"
        )
    fn = as_pyro(made)
    if fn.event_shape == () and fn.batch_shape in ((), (latent_dim,)):
        fn = fn.expand([latent_dim]).to_event(1)
    if (fn.batch_shape, fn.event_shape) != ((), (latent_dim,)):
        raise ShapeError(
            f"the prior is a {type(made).__name__} of batch shape {list(fn.batch_shape)} and "
            f"event shape {list(fn.event_shape)}; it needs no batch, and the event shape "
            f"[{latent_dim}]"
        )
    return fn


class _Shifted(nn.Module):
    """A small example: a normal with a learned mean and scale."""

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.loc = nn.Parameter(torch.zeros(latent_dim))
        self.log_scale = nn.Parameter(torch.zeros(latent_dim))

    def forward(self) -> Distribution:
        return dist.Normal(self.loc, self.log_scale.exp(), validate_args=False).to_event(1)
