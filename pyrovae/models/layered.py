"""What the families of several layers share: programs over one way down and one of inferring."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar

import pyro
import pyro.distributions as dist
import torch
from pyro.infer.util import is_validation_enabled
from torch import Tensor

from ..nn import Likelihood
from .base import Family, check_data, evaluated, evaluated_outside_programs

Draw = Callable[[str, dist.TorchDistribution], Tensor]
"""Draws a latent from its distribution: `pyro.sample`, or what `generate` does by itself."""


class Layered(Family):
    """Base of the families whose latents are drawn layer by layer, as sites "z1", "z2", ...

    A subclass says how its layers follow each other, once for the model and once for the guide;
    what draws them is handed in.

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
        """Draw all layers from the model; what the decoder takes."""

    @abstractmethod
    def inferred(self, x: Tensor, draw: Draw) -> Tensor:
        """Draw all layers from the guide, given x [B, *data_shape]; what the decoder takes."""

    @abstractmethod
    def decode(self, z: Tensor) -> dist.TorchDistribution:
        """The distribution p(x|z), event shape `data_shape`, of what the layers gave."""

    def model(self, x: Tensor) -> None:
        """All layers from the top, and p(x|z), over a batch x [B, *data_shape]."""
        self.declare(*self.model_parts)
        check_data(x, self.data_shape, f"{type(self).__name__}.model")
        if is_validation_enabled():
            self.likelihood.check(x)
        with pyro.plate("data", x.shape[0]):
            pyro.sample("x", self.decode(self.generated(pyro.sample)), obs=x)

    def guide(self, x: Tensor) -> None:
        """q(z|x), layer by layer, over a batch x [B, *data_shape]."""
        self.declare(*self.guide_parts)
        check_data(x, self.data_shape, f"{type(self).__name__}.guide")
        with pyro.plate("data", x.shape[0]):
            self.inferred(x, pyro.sample)

    @evaluated_outside_programs
    def encode(self, x: Tensor) -> dict[str, dist.TorchDistribution]:
        """The guide's distributions by site, each given a draw of those before."""
        found = {}

        def draw(name: str, fn: dist.TorchDistribution) -> Tensor:
            found[name] = fn
            return fn.rsample()

        self.inferred(x, draw)
        return found

    @evaluated
    @torch.no_grad()
    def generate(self, n: int, *, mean: bool = True) -> Tensor:
        """Draw all layers from the model; the mean of p(x|z), or a draw [n, *data_shape]."""
        made = self.decode(self.generated(lambda _, fn: fn.expand([n]).sample()))
        return made.mean if mean else made.sample()

    @evaluated
    @torch.no_grad()
    def reconstruct(self, x: Tensor, *, mean: bool = True) -> Tensor:
        """Draw all layers from the guide; the mean of p(x|z), or a draw [B, *data_shape]."""
        check_data(x, self.data_shape, f"{type(self).__name__}.reconstruct")
        made = self.decode(self.inferred(x, lambda _, fn: fn.sample()))
        return made.mean if mean else made.sample()
