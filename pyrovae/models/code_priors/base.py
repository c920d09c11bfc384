"""Base of the priors over codes."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Self

import pyro
import pyro.distributions as dist
import torch
from pyro.infer.util import is_validation_enabled
from torch import Tensor, nn

from ...errors import ShapeError, SupportError
from ...nn.sizes import Sizes, as_size, as_sizes
from ...particles.parameters import declare


class CodePrior(nn.Module, ABC):
    r"""Gives p(codes) with event shape `grid` and no batch axes; a plate expands it.

    Its methods `model` and `guide` are a pair without latents whose data are codes. `pyrovae.fit`
    trains it by maximum likelihood; the ELBO of a datum is its log p(codes), in nats.

    A subclass implements `forward`. It overrides `example` if `cls(grid, num_codes)` is large or
    not enough.

    Args:
        grid: Shape of the codes of one datum, such as (7, 7).
        num_codes: Number of codes; they are whole numbers in 0..num_codes-1.

    Raises:
        ConfigError: A size is too small.
    """

    def __init__(self, grid: Sizes, num_codes: int) -> None:
        super().__init__()
        where = type(self).__name__
        self.grid = as_sizes(grid, "grid", where)
        self.num_codes = as_size(num_codes, "num_codes", where, at_least=2)

    @classmethod
    def example(cls, grid: tuple[int, ...] = (2, 2), num_codes: int = 5) -> Self:
        """A small instance, for tests and documentation."""
        return cls(grid, num_codes)

    @abstractmethod
    def forward(self) -> dist.TorchDistribution:
        """The distribution p(codes), event shape `grid`."""

    def model(self, codes: Tensor) -> None:
        r"""p(codes) over a batch of codes [B, \*grid]."""
        declare("prior", self)
        self.check(codes)
        with pyro.plate("data", codes.shape[0]):
            pyro.sample("codes", self(), obs=codes)

    def guide(self, codes: Tensor) -> None:
        """There are no latents."""

    def check(self, codes: Tensor) -> None:
        r"""Check that these are codes [..., \*grid]; their values only if Pyro validates.

        Raises:
            ShapeError: They have another shape.
            SupportError: They are not whole numbers in 0..num_codes-1.
        """
        if tuple(codes.shape[-len(self.grid) :]) != self.grid:
            raise ShapeError(
                f"{type(self).__name__} is over grids of codes of shape {list(self.grid)} and got "
                f"{list(codes.shape)}; pass [B, {', '.join(map(str, self.grid))}]"
            )
        if codes.is_floating_point():
            raise SupportError(
                f"{type(self).__name__} got codes of type {codes.dtype}; codes are whole numbers, "
                "pass an integer tensor, such as `VQVAE.encode` gives"
            )
        if is_validation_enabled() and codes.numel():
            low, high = (int(end) for end in torch.aminmax(codes))
            if low < 0 or high >= self.num_codes:
                raise SupportError(
                    f"{type(self).__name__} got codes in {low}..{high}, and is over 0.."
                    f"{self.num_codes - 1}; were they made with another quantiser?"
                )


CodePriorFactory = Callable[[tuple[int, ...], int], CodePrior]
"""Builds a prior for a grid and a number of codes: its class, or a partial of it."""
