"""Neural autoregressive flow."""

from typing import Self

import torch

from ..sizes import Sizes, as_size
from .autoregressive import AutoregressiveLayer
from .sigmoidal import Sigmoidal


class NeuralAutoregressive(AutoregressiveLayer):
    r"""Maps each element by a monotone network whose weights depend on the elements before it.

    :math:`y_i = \mathrm{logit} \sum_u w_{iu}\, \sigma(a_{iu} z_i + b_{iu})`. A network computes w,
    a and b from :math:`z_1, \dots, z_{i-1}` and the context. The flow is a universal approximator
    and draws in one pass. It has no inverse in closed form. Pyro's version adds 1e-8 to a and
    saturates far from zero; this one computes in log space. The order is fixed, so use a mixing
    layer between two.

    Args:
        dim: L.
        context_dim: C.
        hidden: Widths of the network's hidden layers.
        num_units: U, the number of sigmoids per element.

    Raises:
        ConfigError: There are no units.

    Source:
        Neural Autoregressive Flows (Huang et al., 2018), eq. 8, https://arxiv.org/abs/1804.00779

    Example:
        >>> layer = NeuralAutoregressive(4, context_dim=3)
        >>> layer.condition(torch.randn(2, 3))(torch.randn(5, 2, 4)).shape
        torch.Size([5, 2, 4])
    """

    scores_any = False

    def __init__(
        self,
        dim: int,
        context_dim: int = 0,
        *,
        hidden: Sizes = (64,),
        num_units: int = 16,
    ) -> None:
        num_units = as_size(num_units, "num_units", "NeuralAutoregressive")
        super().__init__(dim, context_dim, Sigmoidal(num_units), hidden)
        with torch.no_grad():  # units that start equal stay equal
            self.network.last.bias.normal_(std=0.2)

    @classmethod
    def example(cls, dim: int, context_dim: int = 0) -> Self:
        return cls(dim, context_dim, hidden=(6,), num_units=3)
