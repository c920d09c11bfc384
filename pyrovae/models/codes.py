"""What the families with a grid of discrete codes share."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import pyro.distributions as dist
import torch
from torch import Tensor, nn

from ..errors import ShapeError
from ..nn import Likelihood
from ..nn.quantizers import perplexity, usage
from .any_data import takes_any_data
from .base import Family, Latent, check_latent, decoded, evaluated, mean_or_draw
from .capabilities import Figure
from .networks import run

_ROWS = 1000  # data that are encoded at once


class Codes(Family, ABC):
    """Base of the families whose latents are codes 0..num_codes-1 on a grid.

    A subclass sets the attributes, and says how it finds codes and decodes them.

    Attributes:
        data_shape: Of one datum.
        grid: Shape of its codes.
        likelihood: Head that gives p(x|c).
        encoder: Maps [N, *data_shape] to [N, *grid, D].
        decoder: Maps [N, *grid, D] to the head's parameters.
    """

    data_shape: tuple[int, ...]
    grid: tuple[int, ...]
    num_codes: int
    likelihood: Likelihood
    encoder: nn.Module
    decoder: nn.Module

    @abstractmethod
    def encode(self, x: Tensor) -> Tensor:
        """The codes of data x [B, *data_shape], whole numbers [B, *grid]."""

    @abstractmethod
    def decode(self, codes: Tensor) -> dist.TorchDistribution:
        """The distribution p(x|c), event shape `data_shape`, for codes [..., *grid]."""

    @takes_any_data
    @evaluated
    @torch.no_grad()
    def reconstruct(self, x: Tensor, *, mean: bool = True, latent: Latent = "sample") -> Tensor:
        """Decode the codes of x: the mean of p(x|c), or a draw from it [B, *data_shape].

        Args:
            x: Data [B, *data_shape], of any kind that `pyrovae.data.rows` takes.
            mean: The mean of p(x|c); else a draw.
            latent: As in other families; `encode` gives one code, so that both are the same.
        """
        check_latent(latent)
        made = self._decoded(self._embedded(self.encode(x)))
        return mean_or_draw(self.likelihood.given(made, x), mean)

    def figures(self, x: Tensor, y: Tensor | None = None) -> Sequence[Figure]:
        """How many codes the data x [N, *data_shape] use, and how evenly."""
        codes = torch.cat([self.encode(part) for part in x.split(_ROWS)])
        shares = usage(codes, self.num_codes)
        used, evenness = int((shares > 0).sum()), float(perplexity(shares))
        numbers = {"codes_in_use": used, "perplexity": evenness}
        value = f"{used} of {self.num_codes}"
        return [("codes in use", value, f"perplexity {evenness:.1f}", numbers)]

    @abstractmethod
    def _embedded(self, codes: Tensor) -> Tensor:
        """What the decoder takes for codes [..., *grid], which are not checked."""

    def _encoded_grid(self, x: Tensor, size: int, needs: str) -> Tensor:
        """What the encoder gives for x [B, *grid, size].

        Raises:
            ShapeError: It gives another shape; `needs` says in the message what is needed.
        """
        seen = self.likelihood.rescale(x)
        found = run(self.encoder, seen, len(self.data_shape), "encoder")
        wanted = (*self.grid, size)
        if tuple(found.shape[1:]) != wanted:
            raise ShapeError(
                f"the encoder gave shape {list(found.shape)} for {len(x)} data; a grid of "
                f"{list(self.grid)} codes {needs} [N, {', '.join(map(str, wanted))}]"
            )
        return found

    def _decoded(self, z: Tensor) -> dist.TorchDistribution:
        """p(x|c) of what stands for the codes [..., *grid, D]."""
        return decoded(self.decoder, self.likelihood, z, len(self.grid) + 1, self.data_shape)

    def _check_grid(self, codes: Tensor) -> None:
        """Refuse codes that are not [..., *grid].

        Raises:
            ShapeError: They are not.
        """
        if tuple(codes.shape[-len(self.grid) :]) != self.grid:
            raise ShapeError(
                f"{type(self).__name__}.decode got codes of shape {list(codes.shape)}, and a "
                f"datum has a grid of {list(self.grid)}; pass "
                f"[..., {', '.join(map(str, self.grid))}]"
            )
