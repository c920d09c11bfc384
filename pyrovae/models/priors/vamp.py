"""Variational mixture of posteriors."""

import math
from typing import Self

import pyro.distributions as dist
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from ...distributions.mixture import Mixture
from ...errors import ConfigError, ShapeError
from ...nn.sizes import as_size
from .base import Encode, Prior


class VampPrior(Prior):
    r"""Mixture of the posteriors of K learned pseudo-inputs: VampPrior.

    :math:`p(z) = \sum_k \pi_k q(z|u_k)` with the guide's q, so the encoder is part of the model
    and trains through both. The weights are 1/K unless they are learned. A step encodes K further
    data and computes K densities per particle. The KL has no closed form.

    The pseudo-inputs are data of the encoder, in the units of the likelihood. If the likelihood
    has bounds, u = low + (high - low) sigmoid(a) keeps them inside; where the upper one is
    infinite, u = low + softplus(a) does. (The paper clips by a hard tanh, which has no gradient
    where it clips: black or white pixels would stay so.)

    Nothing fixes the scale of z, so training may stay where every q is the same and z holds no
    information. On MNIST a tanh network did, even with KL warm-up, and a ReLU network did not.
    Check the KL early in a run.

    Args:
        latent_dim: L.
        num_components: K >= 1.
        learn_weights: Learn the weights too.

    Raises:
        ConfigError: There is no component.

    Source:
        VAE with a VampPrior (Tomczak & Welling, 2018), sec. 2, https://arxiv.org/abs/1705.07120

    Example:
        >>> from pyrovae.models import VAE
        >>> vae = VAE((1, 8, 8), 2, prior=VampPrior(2, num_components=5))
        >>> vae.prior.start(torch.rand(20, 1, 8, 8))
        >>> vae.generate(3).shape
        torch.Size([3, 1, 8, 8])
    """

    free_inputs: nn.Parameter | None
    logits: Tensor

    def __init__(
        self, latent_dim: int, *, num_components: int = 50, learn_weights: bool = False
    ) -> None:
        super().__init__(latent_dim)
        self.num_components = as_size(num_components, "num_components", "VampPrior")
        num_components = self.num_components
        self.bounds: tuple[float, float] | None = None
        self.register_parameter("free_inputs", None)
        logits = torch.zeros(num_components)
        if learn_weights:
            self.logits = nn.Parameter(logits)
        else:
            self.register_buffer("logits", logits, persistent=False)

    @classmethod
    def example(cls, latent_dim: int = 2) -> Self:
        return cls(latent_dim, num_components=4)

    @property
    def needs_encoder(self) -> bool:
        return True

    def forward(self) -> dist.TorchDistribution:
        raise ConfigError(
            "VampPrior is made of posteriors and needs an encoder; call with_encoder(encode) with "
            "the family's q(z|x)"
        )

    def with_encoder(self, encode: Encode) -> dist.TorchDistribution:
        """The mixture of q(z|u_k).

        Raises:
            ConfigError: The shape of the data is not known yet.
        """
        return Mixture(self.logits, encode(self.pseudo_inputs()))

    def shape_for(
        self, data_shape: tuple[int, ...], bounds: tuple[float, float] | None = None
    ) -> None:
        """Create random pseudo-inputs inside the bounds; existing ones stay.

        Raises:
            ShapeError: They exist for data of another shape or range.
        """
        shape = (self.num_components, *data_shape)
        if self.free_inputs is None:
            self.bounds = bounds
            self.free_inputs = nn.Parameter(self.logits.new_empty(shape).normal_())
        elif (tuple(self.free_inputs.shape), self.bounds) != (shape, bounds):
            raise ShapeError(
                f"VampPrior holds pseudo-inputs of shape {list(self.free_inputs.shape)} within "
                f"{self.bounds}, and the data need {list(shape)} within {bounds}; build another"
            )

    def pseudo_inputs(self) -> Tensor:
        """u [K, *data_shape], in the units of the data.

        Raises:
            ConfigError: The shape of the data is not known yet.
        """
        free = self._free()
        if self.bounds is None:
            return free
        low, high = self.bounds
        if math.isinf(high):
            return low + softplus(free)
        return low + (high - low) * free.sigmoid()

    @torch.no_grad()
    def start(
        self, x: Tensor, encode: Encode | None = None, *, seed: int = 0, inside: float = 0.02
    ) -> None:
        """Set the pseudo-inputs to K different data.

        Args:
            x: Data [N, *data_shape], N >= K.
            encode: Not used.
            seed: Seed of the choice.
            inside: Smallest distance from the bounds, as a share of the range; in units of the
                data where that is infinite.

        Raises:
            ShapeError: The data have another shape, or there are too few.
            ConfigError: The shape of the data is not known yet.
        """
        free = self._free()
        if x.shape[1:] != free.shape[1:] or len(x) < self.num_components:
            raise ShapeError(
                f"VampPrior.start got data of shape {list(x.shape)}; it needs "
                f"{self.num_components} or more of shape {list(free.shape[1:])}"
            )
        order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
        rows = order[: self.num_components].to(x.device)
        values = x[rows].to(free)
        if self.bounds is not None:
            low, high = self.bounds
            if math.isinf(high):
                # The inverse of softplus; `inside` keeps a 0 off its end.
                above = (values - low).clamp(min=inside)
                free.copy_(above + torch.log(-torch.expm1(-above)))
                return
            values = ((values - low) / (high - low)).clamp(inside, 1 - inside).logit()
        free.copy_(values)

    def extra_repr(self) -> str:
        return f"latent_dim={self.latent_dim}, num_components={self.num_components}"

    def _free(self) -> nn.Parameter:
        if self.free_inputs is None:
            raise ConfigError(
                "VampPrior has no pseudo-inputs yet; build the family with it, or call "
                "shape_for(data_shape)"
            )
        return self.free_inputs
