"""What the families of several layers share: programs over the order in which layers follow."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar

import pyro
import pyro.distributions as dist
import torch
from pyro.infer.util import is_validation_enabled
from torch import Tensor, nn

from ..errors import ConfigError
from ..nn import Likelihood, Network
from ..nn.sizes import Sizes, as_sizes
from .any_data import takes_any_data
from .base import (
    Conditional,
    Family,
    Latent,
    check_data,
    drawn_count,
    evaluated,
    evaluated_outside_programs,
    generated,
    latent_of,
    mean_or_draw,
)
from .posteriors import PosteriorFactory
from .posteriors.distribution import as_posterior

Draw = Callable[[str, dist.TorchDistribution], Tensor]
"""Draws a latent from its distribution: `pyro.sample`, or what `generate` does by itself."""


Networks = Network | Sequence[Network]
"""One factory for the networks of all layers, or one factory or module for each."""


class Layered(Family):
    """Base of the families whose latents are drawn layer by layer, as sites "z1", "z2", ...

    A subclass says in which order its layers are drawn, once for the model and once for the
    guide; the function that draws is an argument.

    Attributes:
        data_shape: Of one datum.
        likelihood: Head that gives p(x|z).
        model_parts: Submodules that the model uses.
        guide_parts: Submodules that the guide uses.
    """

    data_shape: tuple[int, ...]
    likelihood: Likelihood
    model_parts: ClassVar[Sequence[str]]
    guide_parts: ClassVar[Sequence[str]]

    @abstractmethod
    def generated(self, draw: Draw) -> Tensor:
        """Draw all layers from the model; the input of the decoder."""

    @abstractmethod
    def inferred(self, x: Tensor, draw: Draw) -> Tensor:
        """Draw all layers from the guide, given x [B, *data_shape]; the input of the decoder."""

    @abstractmethod
    def decode(self, z: Tensor) -> dist.TorchDistribution:
        """The distribution p(x|z), event shape `data_shape`, for the input of the decoder."""

    def model(self, x: Tensor) -> None:
        """All layers from the top, and p(x|z), over a batch x [B, *data_shape]."""
        self.declare(*self.model_parts)
        check_data(x, self.data_shape, f"{type(self).__name__}.model")
        if is_validation_enabled():
            self.likelihood.check(x)
        with pyro.plate("data", x.shape[0]):
            made = self.decode(self.generated(pyro.sample))
            pyro.sample("x", self.likelihood.given(made, x), obs=x)

    def guide(self, x: Tensor) -> None:
        """q(z|x), layer by layer, over a batch x [B, *data_shape]."""
        self.declare(*self.guide_parts)
        check_data(x, self.data_shape, f"{type(self).__name__}.guide")
        with pyro.plate("data", x.shape[0]):
            self.inferred(x, pyro.sample)

    @takes_any_data
    @evaluated_outside_programs
    def encode(self, x: Tensor) -> dict[str, dist.TorchDistribution]:
        """The guide's distributions by site, each given a draw of those before."""
        check_data(x, self.data_shape, f"{type(self).__name__}.encode")
        found = {}

        def draw(name: str, fn: dist.TorchDistribution) -> Tensor:
            found[name] = fn
            return fn.rsample()

        self.inferred(x, draw)
        return found

    @evaluated
    @torch.no_grad()
    def generate(self, n: int, *, mean: bool = True, size: Tensor | float | None = None) -> Tensor:
        """Draw all layers from the model; the mean of p(x|z), or a draw [n, *data_shape].

        `size`, a number or one for each datum, is that of counts with a size factor; by default
        the mean size of the training: see `nn.Poisson`.
        """
        count = drawn_count(n, f"{type(self).__name__}.generate")
        shape = torch.Size([max(count, 1)])
        made = self.decode(self.generated(lambda _, fn: fn.expand(shape).sample()))
        return generated(made, self.likelihood, count, mean, size)

    @takes_any_data
    @evaluated
    @torch.no_grad()
    def reconstruct(self, x: Tensor, *, mean: bool = True, latent: Latent = "sample") -> Tensor:
        """Encode x and decode it again: the mean of p(x|z), or a draw from it [B, *data_shape].

        Args:
            x: Data [B, *data_shape], of any kind that `pyrovae.data.rows` takes.
            mean: The mean of p(x|z); else a draw.
            latent: Each layer is a draw from the guide, "sample", or its mean given those before
                it, "mean".

        Raises:
            ConfigError: A mean is not known in closed form.
        """
        check_data(x, self.data_shape, f"{type(self).__name__}.reconstruct")
        made = self.decode(self.inferred(x, lambda _, fn: latent_of(fn, latent)))
        return mean_or_draw(self.likelihood.given(made, x), mean)


def upper_decoders(
    networks: Networks, latent_dims: Sequence[int], form: PosteriorFactory, where: str
) -> nn.ModuleList:
    """The distributions p(z1|z2), p(z2|z3), ..., in this order.

    Args:
        networks: One factory for all, or one for each.
        latent_dims: Size of each layer, z1 first.
        form: Of each distribution: a factory `form(latent_dim)`.
        where: What the messages of errors call the family.
    """
    lower, upper = latent_dims[:-1], latent_dims[1:]
    each = for_each(networks, len(lower), f"{where}'s upper_decoder")
    return nn.ModuleList(
        Conditional(network, (above,), as_posterior(form, dim), f"decoder of z{i}")
        for i, (network, above, dim) in enumerate(zip(each, upper, lower, strict=True), start=1)
    )


def drawn_downwards(draw: Draw, top: dist.TorchDistribution, decoders: nn.ModuleList) -> Tensor:
    """Draw z_L from `top`, then each layer below given the one above it; z_1."""
    z = draw(f"z{len(decoders) + 1}", top)
    for i, decoder in reversed(list(enumerate(decoders, 1))):
        z = draw(f"z{i}", decoder(z))
    return z


def for_each(networks: Networks, count: int, where: str) -> list[Network]:
    """What builds each of `count` networks.

    Raises:
        ConfigError: There are too few or too many, or one module is to serve several layers.
    """
    if isinstance(networks, Sequence):
        if len(networks) != count:
            raise ConfigError(
                f"{where} got {len(networks)} networks for {count} steps between layers; give one "
                "for each, the one nearest the data first, or one factory for all"
            )
        return list(networks)
    if isinstance(networks, nn.Module) and count > 1:
        raise ConfigError(
            f"{where} got one {type(networks).__name__} for {count} steps between layers, which "
            "would share its weights; give a factory, or one module for each"
        )
    return [networks] * count


def check_dims(latent_dims: Sizes, where: str) -> tuple[int, ...]:
    """The sizes of the layers as a tuple.

    Raises:
        ConfigError: There is none, or one is no whole number of units.
    """
    dims = as_sizes(latent_dims, "latent_dims", where, allow_none=True)
    if not dims:
        raise ConfigError(
            f"{where} got latent_dims={latent_dims!r}; it needs the size of each layer, the one "
            "nearest the data first, such as [100, 50]"
        )
    return dims
