"""What the quantisers share: vectors in, codes and the codes' vectors out."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import torch
from torch import Tensor, nn

from ...errors import ConfigError, ShapeError, SupportError


@dataclass(frozen=True)
class Quantized:
    """What became of vectors.

    Attributes:
        codes: Whole numbers in 0..num_codes-1 [...].
        vectors: What the codes stand for, exactly [..., D]; a gradient passes straight through to
            what was quantised.
        penalties: What training pays, by name: nats per vector [...].
    """

    codes: Tensor
    vectors: Tensor
    penalties: Mapping[str, Tensor] = field(default_factory=dict)


class Quantizer(nn.Module, ABC):
    """Maps vectors [..., D] to codes 0..num_codes-1, and codes to vectors.

    Written by hand: codes, vectors and penalties are needed apart, in a guide of Pyro, and all
    that a step changes must be tensors that it writes in place, so that it can be captured.

    Args:
        num_codes: How many codes there are, two or more.
        dim: D.

    Raises:
        ConfigError: A size is too small.
    """

    def __init__(self, num_codes: int, dim: int) -> None:
        super().__init__()
        if num_codes < 2 or dim < 1:
            raise ConfigError(
                f"{type(self).__name__} got num_codes={num_codes} and dim={dim}; it needs at "
                "least 2 and at least 1"
            )
        self.num_codes, self.dim = num_codes, dim

    @classmethod
    def example(cls) -> Self:
        """A small instance, for tests and documentation: six codes in three dimensions."""
        return cls(6, 3)

    @abstractmethod
    def codes(self, z: Tensor) -> Tensor:
        """The code of each vector [..., D] -> [...]; changes nothing."""

    @abstractmethod
    def embed(self, codes: Tensor) -> Tensor:
        """The vector that each code stands for [...] -> [..., D]."""

    @abstractmethod
    def forward(self, z: Tensor) -> Quantized:
        """Quantise z [..., D]; in training mode it may learn from it."""

    def start(self, encodings: Tensor, *, seed: int = 0) -> None:  # noqa: B027
        """Prepare for encodings [..., D] of data, before training; some need nothing."""

    def check_vectors(self, z: Tensor) -> None:
        """Refuse what is no vector of size D.

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
        """Refuse what is no code; reads all of them and waits for the device.

        Raises:
            SupportError: A code is no whole number in 0..num_codes-1.
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
    """`value`, exactly, with the gradient of `through`.

    Source:
        Estimating or Propagating Gradients Through Stochastic Neurons (Bengio et al., 2013),
        sec. 4, https://arxiv.org/abs/1308.3432
    """
    return value.detach() + (through - through.detach())  # adds a zero


@torch.no_grad()
def nearest(z: Tensor, codebook: Tensor) -> Tensor:
    """The row of the codebook [n, D] that is nearest to each vector [..., D] -> [...]."""
    centre = codebook.mean(0)  # far from the origin differences would drown in rounding
    z, codebook = z - centre, codebook - centre
    # |z|^2 is the same for all rows.
    distances = codebook.square().sum(-1) - 2 * (z @ codebook.T)
    return distances.argmin(-1)


def usage(codes: Tensor, num_codes: int) -> Tensor:
    """How often each code occurs, as a share of all; sums to one [...] -> [num_codes].

    Example:
        >>> usage(torch.tensor([[0, 2], [2, 2]]), 4)
        tensor([0.2500, 0.0000, 0.7500, 0.0000])
    """
    counts = torch.bincount(codes.reshape(-1), minlength=num_codes)
    return counts / counts.sum()


def perplexity(shares: Tensor) -> Tensor:
    """exp of the entropy of how codes are used: as many codes used evenly would have it.

    One where a single code serves all, n where all n are equally frequent. It says nothing of
    which code follows which: codes that are all used may still be told from their neighbours.

    Args:
        shares: What each code has of all, up to a factor [..., n].

    Example:
        >>> perplexity(torch.tensor([0.5, 0.5, 0.0]))
        tensor(2.)
    """
    p = shares / shares.sum(-1, keepdim=True)
    return (-torch.special.xlogy(p, p).sum(-1)).exp()
