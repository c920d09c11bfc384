"""Normal whose softmax is about a Dirichlet."""

import math

import pyro.distributions as dist
import torch
from torch import Tensor

from ...errors import ConfigError
from .base import Prior


class SoftmaxDirichlet(Prior):
    r"""N(m, s^2) of logits z whose softmax is nearly Dirichlet(a), for shares of topics.

    It is Laplace's approximation in the basis of the softmax. For one concentration a, the same
    for all L topics, m = 0 and :math:`s^2 = (1 - 1/L) / a`. It fits well for a above 1 and grows
    rough below: the softmax of a wide normal is sparser in its largest share than a Dirichlet.

    Args:
        latent_dim: L, the number of topics.
        concentration: a: a number for all, or one for each topic. Below 1 a datum has few topics.

    Raises:
        ConfigError: A concentration is not above 0, or there are not L of them.

    Source:
        Autoencoding Variational Inference for Topic Models (Srivastava & Sutton, 2017), sec. 3.2,
        https://arxiv.org/abs/1703.01488; after Choice of Basis for Laplace Approximation (MacKay,
        1998), https://doi.org/10.1023/A:1007558615313

    Example:
        >>> SoftmaxDirichlet(4, concentration=0.5)().variance
        tensor([1.5000, 1.5000, 1.5000, 1.5000])
    """

    loc: Tensor
    scale: Tensor

    def __init__(self, latent_dim: int, concentration: float | list[float] = 1.0) -> None:
        super().__init__(latent_dim)
        size = self.latent_dim
        each = concentration if isinstance(concentration, list | tuple) else [concentration] * size
        if len(each) != size or not all(0 < a < math.inf for a in each):
            raise ConfigError(
                f"SoftmaxDirichlet got concentration={concentration} for latent_dim={size}; it "
                "needs a number above 0, or one for each topic"
            )
        a = torch.tensor(each, dtype=torch.float64)
        variance = (1 - 2 / size) / a + (1 / a).sum() / size**2
        default = torch.get_default_dtype()
        self.register_buffer("loc", (a.log() - a.log().mean()).to(default))
        self.register_buffer("scale", variance.sqrt().to(default))

    def forward(self) -> dist.TorchDistribution:
        return dist.Normal(self.loc, self.scale, validate_args=False).to_event(1)
