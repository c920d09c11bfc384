"""Any distribution that a module makes of a context, as a posterior."""

from collections.abc import Callable
from typing import Any

import pyro.distributions as dist
import torch
from pyro.distributions.conditional import (
    ConditionalTransformedDistribution,
    ConstantConditionalDistribution,
    ConstantConditionalTransform,
)
from torch import Tensor, nn
from torch.distributions import Distribution

from ...distributions.as_pyro import as_pyro
from ...distributions.held_tensors import HeldTensors
from ...errors import ConfigError, ShapeError, first_line
from ...nn.factories import takes_context
from ...nn.flows import as_layer
from ...nn.sizes import as_size
from .base import Posterior, PosteriorFactory

_CONTEXT_DIM = 64  # of a posterior that a plain function makes


class DistributionPosterior(Posterior):
    """A distribution that somebody else makes of a context, as q(z|x): a flow of zuko, for one.

    The encoder outputs the context [C]. The families make this class of a function of L and C, so
    that `VAE(..., posterior=lambda dim, context: zuko.flows.MAF(dim, context))` works, with a C
    of 64.

    Args:
        latent_dim: L.
        make: A function of (L, C) that makes a module, or a module. Called with a context [..., C]
            the module gives a distribution of vectors [L]. It may also be Pyro's
            `ConditionalTransformedDistribution`.
        context_dim: C.

    Raises:
        ConfigError: It does not give such a distribution.
        ShapeError: It is a distribution of other vectors.

    Example:
        >>> class Laplace(nn.Module):
        ...     def forward(self, context):
        ...         return torch.distributions.Laplace(context, 1.0)
        >>> q = DistributionPosterior(3, Laplace(), context_dim=3)(torch.zeros(5, 3))
        >>> q.batch_shape, q.event_shape
        (torch.Size([5]), torch.Size([3]))
    """

    def __init__(
        self,
        latent_dim: int,
        make: Callable[[int, int], nn.Module] | nn.Module,
        *,
        context_dim: int = _CONTEXT_DIM,
    ) -> None:
        super().__init__(latent_dim)
        self.context_dim = as_size(context_dim, "context_dim", "DistributionPosterior")
        self.num_parameters = self.context_dim
        self.hint = ", the context of the distribution"
        made: Any = make
        if callable(make) and not isinstance(make, nn.Module):
            made = make(self.latent_dim, self.context_dim)
        if isinstance(made, ConditionalTransformedDistribution):
            made = _Conditioned(made, self.latent_dim, self.context_dim)
            self.scores_any = made.flow.scores_any
        if not isinstance(made, nn.Module):
            raise ConfigError(
                f"DistributionPosterior got a {type(made).__name__}; it needs a module that gives "
                "a distribution for a context, such as zuko.flows.MAF(latent_dim, context)"
            )
        self.source = made
        self._try()

    @classmethod
    def example(cls, latent_dim: int = 2) -> "DistributionPosterior":
        return cls(latent_dim, _Shifted, context_dim=4)

    def forward(self, params: Tensor) -> dist.TorchDistribution:
        made = self.source(params)
        if not isinstance(made, Distribution):
            raise ConfigError(
                f"a posterior of another library gave a {type(made).__name__} for a context; it "
                "has to give a torch.distributions.Distribution"
            )
        fn = as_pyro(made)
        if fn.event_shape == () and fn.batch_shape[-1:] == (self.latent_dim,):
            fn = fn.to_event(1)
        if fn.event_shape != (self.latent_dim,):
            raise ShapeError(
                f"the posterior is a {type(made).__name__} of event shape {list(fn.event_shape)}; "
                f"it needs [{self.latent_dim}]"
            )
        return fn

    def extra_repr(self) -> str:
        return f"context_dim={self.context_dim}"

    @torch.no_grad()
    def _try(self) -> None:
        some = next((p for p in self.parameters() if p.is_floating_point()), torch.zeros(()))
        try:
            self(some.new_zeros(2, self.context_dim))
        except (ConfigError, ShapeError):
            raise
        except (RuntimeError, ValueError, TypeError, LookupError) as error:
            raise ConfigError(
                f"{type(self.source).__name__} gives no distribution for a context of shape "
                f"[2, {self.context_dim}]: {first_line(error)}; build it for this context, or "
                "give DistributionPosterior its context_dim"
            ) from error


def as_posterior(posterior: PosteriorFactory | Posterior | Any, latent_dim: int) -> Posterior:  # noqa: ANN401
    """A posterior as it is, or built by its factory: see `DistributionPosterior` for other ones.

    A factory that takes the size of a context besides that of z is given one of 64.

    Raises:
        ConfigError: It is none of these.
    """
    if isinstance(posterior, Posterior):
        return posterior
    if isinstance(posterior, nn.Module | Distribution) or not callable(posterior):
        name = type(posterior).__name__
        raise ConfigError(
            f"posterior={name}(...) does not say how large its context is; give a function of "
            f"latent_dim and context that makes it, or models.DistributionPosterior(latent_dim, "
            f"{name}(...), context_dim=...)"
        )
    with_context = takes_context(posterior)
    make: Callable[..., Any] = posterior
    made = make(latent_dim, _CONTEXT_DIM) if with_context else make(latent_dim)
    if isinstance(made, Posterior):
        return made
    if with_context:
        return DistributionPosterior(latent_dim, made)
    raise ConfigError(
        f"the posterior's factory gave a {type(made).__name__}; it needs a posterior of "
        "pyrovae.models, or a function of latent_dim and context that makes a module, such as "
        "lambda latent_dim, context: zuko.flows.MAF(latent_dim, context)"
    )


class _Conditioned(nn.Module):
    """Pyro's conditional distribution as a module, its networks held."""

    def __init__(
        self, of: ConditionalTransformedDistribution, latent_dim: int, context_dim: int
    ) -> None:
        super().__init__()
        if not isinstance(of.base_dist, ConstantConditionalDistribution):
            raise ConfigError(
                "a ConditionalTransformedDistribution has a conditional base here, which is not "
                "taken; give a plain base"
            )
        self.base = HeldTensors(of.base_dist.base_dist)
        transforms = [
            t.transform if isinstance(t, ConstantConditionalTransform) else t
            for t in of.transforms
        ]
        self.flow = as_layer(transforms, latent_dim, context_dim)

    def forward(self, context: Tensor) -> dist.TorchDistribution:
        base = as_pyro(self.base()).expand(context.shape[:-1] + self.base().batch_shape)
        return dist.TransformedDistribution(base, [self.flow.condition(context)])


class _Shifted(nn.Module):
    """A small example: a normal whose mean is linear in the context."""

    def __init__(self, latent_dim: int, context_dim: int) -> None:
        super().__init__()
        self.loc = nn.Linear(context_dim, latent_dim)

    def forward(self, context: Tensor) -> dist.TorchDistribution:
        return dist.Normal(self.loc(context), 1.0, validate_args=False).to_event(1)
