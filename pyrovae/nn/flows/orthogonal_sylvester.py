"""Sylvester flow on orthonormal columns."""

import torch
from torch import Tensor

from ...errors import ConfigError
from ..sizes import as_size
from .base import Amortised
from .sylvester import Basis, Sylvester, times


class OrthogonalSylvester(Sylvester):
    r"""Sylvester flow in M directions, :math:`y = z + Q R \tanh(\tilde R Q^\top z + b)`.

    Q [L, M] is orthonormalised exactly, by a QR decomposition, where the paper iterates.

    Args:
        dim: L.
        context_dim: C.
        num_columns: M <= L; by default L, at most 16.

    Raises:
        ConfigError: M is below 1 or above L.

    Source:
        Sylvester Normalizing Flows for Variational Inference (van den Berg et al., 2018), sec.
        3.1, O-SNF, https://arxiv.org/abs/1803.05649

    Example:
        >>> layer = OrthogonalSylvester(4, context_dim=3, num_columns=2)
        >>> layer.condition(torch.randn(2, 3))(torch.randn(5, 2, 4)).shape
        torch.Size([5, 2, 4])
    """

    def __init__(self, dim: int, context_dim: int = 0, *, num_columns: int | None = None) -> None:
        dim = as_size(dim, "dim", "OrthogonalSylvester")
        wanted = min(dim, 16) if num_columns is None else num_columns
        columns = as_size(wanted, "num_columns", "OrthogonalSylvester", at_least=0)
        if not 1 <= columns <= dim:
            raise ConfigError(
                f"OrthogonalSylvester got num_columns={columns} for dim={dim}; it needs between 1 "
                f"and {dim}"
            )
        super().__init__(dim, context_dim, columns)
        self.columns = Amortised((dim, columns), context_dim, scale=1.0)

    def basis(self, context: Tensor | None) -> Basis:
        columns, upper = torch.linalg.qr(self.columns(context))
        # Fix the sign: else a column would flip where a diagonal element passes zero.
        signs = upper.diagonal(dim1=-2, dim2=-1).sign()
        return _Columns(columns * signs[..., None, :])


class _Columns(Basis):
    def __init__(self, columns: Tensor) -> None:
        self.columns = columns

    def coordinates(self, z: Tensor) -> Tensor:
        return times(self.columns.mT, z)

    def vector(self, v: Tensor) -> Tensor:
        return times(self.columns, v)
