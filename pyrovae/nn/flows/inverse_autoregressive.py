"""Inverse autoregressive flow."""

from typing import Self

from ..sizes import Sizes
from .affine import Affine, Gated
from .autoregressive import AutoregressiveLayer


class InverseAutoregressive(AutoregressiveLayer):
    r"""Shifts and scales each element by a network of those before it: draws in one pass.

    Gated, :math:`y_i = g_i z_i + (1 - g_i) m_i` with :math:`g_i \in (0, 1)`, which the paper found
    stable; else :math:`y_i = z_i \exp s_i + m_i`. The network computes m, g and s from
    :math:`z_1, \dots, z_{i-1}` and the context. It runs L times to score a z that the layer has
    not just drawn. The order is fixed, so use a mixing layer between two; the paper's is
    `partial(Permutation, order="reversed")`.

    Args:
        dim: L.
        context_dim: C.
        hidden: Widths of the network's hidden layers; with none it is affine.
        gated: Use the gated form.

    Source:
        Improved Variational Inference with Inverse Autoregressive Flow (Kingma et al., 2016),
        eqs. 10 and 12-14, https://arxiv.org/abs/1606.04934

    Example:
        >>> import torch
        >>> layer = InverseAutoregressive(4, context_dim=3)
        >>> layer.condition(torch.randn(2, 3))(torch.randn(5, 2, 4)).shape
        torch.Size([5, 2, 4])
    """

    def __init__(
        self,
        dim: int,
        context_dim: int = 0,
        *,
        hidden: Sizes = (64,),
        gated: bool = True,
    ) -> None:
        super().__init__(dim, context_dim, Gated() if gated else Affine(), hidden)

    @classmethod
    def example(cls, dim: int, context_dim: int = 0) -> Self:
        return cls(dim, context_dim, hidden=(6,))
