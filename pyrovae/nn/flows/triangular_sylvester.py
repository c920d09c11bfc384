"""Sylvester flow with Q = I."""

from torch import Tensor

from ..sizes import as_size
from .sylvester import Basis, Sylvester


class TriangularSylvester(Sylvester):
    r"""Sylvester flow :math:`y = z + R \tanh(\tilde R z + b)`, to alternate with mixing.

    In the paper every second layer reverses the order: `partial(Permutation, order="reversed")`.

    Args:
        dim: L.
        context_dim: C.

    Source:
        Sylvester Normalizing Flows for Variational Inference (van den Berg et al., 2018), sec.
        3.3, T-SNF, https://arxiv.org/abs/1803.05649

    Example:
        >>> import torch
        >>> layer = TriangularSylvester(4, context_dim=3)
        >>> layer.condition(torch.randn(2, 3))(torch.randn(5, 2, 4)).shape
        torch.Size([5, 2, 4])
    """

    def __init__(self, dim: int, context_dim: int = 0) -> None:
        dim = as_size(dim, "dim", "TriangularSylvester")
        super().__init__(dim, context_dim, num_columns=dim)

    def basis(self, context: Tensor | None) -> Basis:
        return Basis()
