"""Counts whose sizes are an argument of the pair."""

from typing import Any, Self

import pyro.distributions as dist
import torch
from pyro.infer.util import is_validation_enabled
from torch import Tensor

from ..errors import ConfigError, DataError, ShapeError
from ..nn import Poisson
from ..nn.likelihoods.counts import Counts
from .any_data import takes_any_data
from .base import Family, Latent
from .vae import VAE


class GivenSizes(Family):
    r"""A family of counts that is called with the size of each datum: (x, size), (x, y, size).

    The sizes l [B] are what is known of the depth or exposure of a datum: reads of a sample, days
    of observation, a normalisation that was computed before. They take the place of the totals,
    on which a head with `size_factor="total"` otherwise conditions, so that the model is
    p(x|l, z) with a true density of x. (`bdmc`, which simulates data, needs that.) Parameters are
    those of the family.

    Args:
        pair: A family such as `VAE` or `HierarchicalVAE`, whose head counts by shares of a size.

    Raises:
        ConfigError: The head of the pair has no size factor.
        ShapeError: There is not one size for each datum.
        DataError: A size is not above 0.

    Example:
        >>> vae = VAE((8,), 2, likelihood=Poisson(size_factor="total"))
        >>> pair = GivenSizes(vae)
        >>> pair.reconstruct(torch.ones(3, 8), torch.tensor([8.0, 16.0, 16.0])).sum(-1).round()
        tensor([ 8., 16., 16.])
    """

    takes_labels = True

    def __init__(self, pair: Family) -> None:
        super().__init__()
        self.pair = pair
        head = getattr(pair, "likelihood", None)
        if not isinstance(head, Counts) or head.size_factor is None:
            raise ConfigError(
                f"GivenSizes got a {type(pair).__name__} whose likelihood is {head!r}, which has "
                'no size factor; build it with one, such as nn.Poisson(size_factor="total")'
            )
        self.likelihood = head

    @classmethod
    def example(cls) -> Self:
        """A small instance, for tests and documentation."""
        return cls(VAE((1, 4, 4), 2, likelihood=Poisson(size_factor="total")))

    def example_y(self, x: Tensor) -> Tensor:
        """Sizes of data x [N, 1, 4, 4]."""
        return 100.0 + torch.arange(len(x), device=x.device)

    def model(self, x: Tensor, *rest: Tensor) -> None:
        """p(z)p(x|size, z) over a batch x [B, *data_shape], what else the family takes, sizes."""
        *given, size = self._checked(x, rest, "model")
        with self.likelihood.given_sizes(size):
            self.pair.model(x, *given)

    def guide(self, x: Tensor, *rest: Tensor) -> None:
        """q(z|x) over a batch x [B, *data_shape], what else the family takes, sizes."""
        *given, size = self._checked(x, rest, "guide")
        with self.likelihood.given_sizes(size):
            self.pair.guide(x, *given)

    @takes_any_data
    def encode(self, x: Tensor, *rest: Tensor) -> dist.TorchDistribution | Any:  # noqa: ANN401
        """What the family's `encode` gives."""
        *given, size = self._checked(x, rest, "encode")
        with self.likelihood.given_sizes(size):
            return self.pair.encode(x, *given)  # type: ignore[operator]

    def generate(self, *args: Any, **options: Any) -> Tensor:  # noqa: ANN401
        """What the family's `generate` gives: `size=` is a number, or one for each datum."""
        made: Tensor = self.pair.generate(*args, **options)  # type: ignore[operator]
        return made

    @takes_any_data
    def reconstruct(
        self, x: Tensor, *rest: Tensor, mean: bool = True, latent: Latent = "sample"
    ) -> Tensor:
        """What the family's `reconstruct` gives, at these sizes."""
        *given, size = self._checked(x, rest, "reconstruct")
        with self.likelihood.given_sizes(size):
            pair: Any = self.pair
            made: Tensor = pair.reconstruct(x, *given, mean=mean, latent=latent)
        return made

    def _checked(self, x: Tensor, rest: tuple[Tensor, ...], method: str) -> tuple[Tensor, ...]:
        # Of a sequence [B, T, D] each step has a size.
        if not rest or rest[-1].dim() == 0 or rest[-1].shape != x.shape[: rest[-1].dim()]:
            got = f"of shape {list(rest[-1].shape)}" if rest else "missing"
            raise ShapeError(
                f"GivenSizes.{method} got sizes {got} for {len(x)} data; its last argument is the "
                f"size of each, [{len(x)}]"
            )
        if is_validation_enabled() and not bool((rest[-1] > 0).all()):
            raise DataError(
                f"GivenSizes.{method} got a size of {float(rest[-1].min()):g}; sizes are above 0: "
                "drop data that were not measured at all"
            )
        return rest
