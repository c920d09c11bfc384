"""Base of the quantisers, and functions of codes."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import torch
from torch import Tensor, nn

from ...errors import ShapeError, SupportError
from ..sizes import as_size


@dataclass(frozen=True)
class Quantized:
    """The result of quantising vectors.

    Attributes:
        codes: Whole numbers in 0..num_codes-1 [...].
        vectors: The vectors of the codes [..., D]. Their gradient passes straight through to the
            vectors that were quantised.
        penalties: Terms to add to the loss, by name: nats per vector [...].
    """

    codes: Tensor
    vectors: Tensor
    penalties: Mapping[str, Tensor] = field(default_factory=dict)


class Quantizer(nn.Module, ABC):
    """Maps vectors [..., D] to codes 0..num_codes-1, and codes to vectors.

    It returns codes, vectors and penalties apart, because a Pyro guide needs them apart. A step
    changes tensors in place only, so that it can be captured.

    A subclass implements `codes`, `embed` and `forward`. It overrides `example` if its constructor
    takes other arguments.

    Args:
        num_codes: Number of codes, two or more.
        dim: D.

    Raises:
        ConfigError: A size is too small.
    """

    def __init__(self, num_codes: int, dim: int) -> None:
        super().__init__()
        where = type(self).__name__
        self.num_codes = as_size(num_codes, "num_codes", where, at_least=2)
        self.dim = as_size(dim, "dim", where)

    @classmethod
    def example(cls) -> Self:
        """A small instance, for tests and documentation: six codes in three dimensions."""
        return cls(6, 3)

    @abstractmethod
    def codes(self, z: Tensor) -> Tensor:
        """The code of each vector [..., D] -> [...]; it learns nothing from them."""

    @abstractmethod
    def embed(self, codes: Tensor) -> Tensor:
        """The vector that each code stands for [...] -> [..., D]."""

    @abstractmethod
    def forward(self, z: Tensor) -> Quantized:
        """Quantise z [..., D]; in training mode the quantiser may learn from it."""

    def start(self, encodings: Tensor, *, seed: int = 0) -> None:  # noqa: B027
        """Initialise from encodings [..., D] of data, before training; by default do nothing."""

    def check_vectors(self, z: Tensor) -> None:
        """Check that z holds vectors of size D.

        Raises:
            ShapeError: z is not [..., D].
        """
        if z.dim() < 1 or z.shape[-1] != self.dim:
            raise ShapeError(
                f"{type(self).__name__} got encodings of shape {list(z.shape)}, and its vectors "
                f"have {self.dim} dimensions; let the encoder give [..., {self.dim}], or build "
                "the quantiser for it"
            )

    def check_codes(self, codes: Tensor) -> None:
        """Check that these are codes. It reads all of them and waits for the device.

        Raises:
            SupportError: A code is not a whole number in 0..num_codes-1.
        """
        if codes.is_floating_point() or codes.is_complex():
            raise SupportError(
                f"{type(self).__name__} got codes of type {codes.dtype}; codes are whole numbers, "
                "pass an integer tensor"
            )
        low, high = (int(end) for end in torch.aminmax(codes)) if codes.numel() else (0, 0)
        if low < 0 or high >= self.num_codes:
            raise SupportError(
                f"{type(self).__name__} got codes in {low}..{high}, and has 0.."
                f"{self.num_codes - 1}; were they made with another quantiser?"
            )


def straight_through(value: Tensor, through: Tensor) -> Tensor:
    """Exactly `value`, with the gradient of `through`.

    Source:
        Estimating or Propagating Gradients Through Stochastic Neurons (Bengio et al., 2013),
        sec. 4, https://arxiv.org/abs/1308.3432
    """
    return value.detach() + (through - through.detach())  # adds zero


@torch.no_grad()
def nearest(z: Tensor, codebook: Tensor) -> Tensor:
    """The row of the codebook [n, D] that is nearest to each vector [..., D] -> [...]."""
    centre = codebook.mean(0)  # far from the origin, rounding would hide the differences
    z, codebook = z - centre, codebook - centre
    # |z|^2 is the same for all rows and left out.
    distances = codebook.square().sum(-1) - 2 * (z @ codebook.T)
    return distances.argmin(-1)


def usage(codes: Tensor, num_codes: int) -> Tensor:
    """Share of each code among all: [...] -> [num_codes]; the shares sum to one.

    Example:
        >>> usage(torch.tensor([[0, 2], [2, 2]]), 4)
        tensor([0.2500, 0.0000, 0.7500, 0.0000])
    """
    counts = torch.bincount(codes.reshape(-1), minlength=num_codes)
    return counts / counts.sum()


def perplexity(shares: Tensor) -> Tensor:
    """Exponential of the entropy of the codes' use: the effective number of codes.

    It is one if a single code is used, n if all n are equally frequent. It ignores the order of
    codes: codes that are all used may still be predictable from their neighbours.

    Args:
        shares: Share of each code, up to a factor [..., n].

    Example:
        >>> perplexity(torch.tensor([0.5, 0.5, 0.0]))
        tensor(2.)
    """
    p = shares / shares.sum(-1, keepdim=True)
    return (-torch.special.xlogy(p, p).sum(-1)).exp()
