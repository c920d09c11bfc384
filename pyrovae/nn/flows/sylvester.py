"""Base of the Sylvester flows."""

from abc import abstractmethod

import torch
from torch import Tensor
from torch.distributions import Transform

from .base import Amortised, FlowLayer, LayerTransform


class Sylvester(FlowLayer):
    r"""Base of the flows :math:`y = z + Q R \tanh(\tilde R Q^\top z + b)` with orthonormal Q.

    R and :math:`\tilde R` [M, M] are upper triangular. Their diagonals lie between -1 and 1, which
    makes the map invertible. A subclass gives Q [L, M]. With M = 1 it is a planar flow. There is
    no inverse in closed form.

    Args:
        dim: L.
        context_dim: C.
        num_columns: M.

    Source:
        Sylvester Normalizing Flows for Variational Inference (van den Berg et al., 2018), eq. 8
        and theorem 1, https://arxiv.org/abs/1803.05649
    """

    scores_any = False

    def __init__(self, dim: int, context_dim: int, num_columns: int) -> None:
        super().__init__(dim, context_dim)
        dim, context_dim = self.dim, self.context_dim
        # Above the diagonal stands R, below it the transpose of the other matrix.
        self.off_diagonals = Amortised((num_columns, num_columns), context_dim)
        self.diagonal = Amortised((num_columns,), context_dim)
        self.inner_diagonal = Amortised((num_columns,), context_dim, scale=1.0)
        self.b = Amortised((num_columns,), context_dim)

    @abstractmethod
    def basis(self, context: Tensor | None) -> "Basis":
        """Q."""

    def condition(self, context: Tensor | None = None) -> Transform:
        self.check_context(context)
        both = self.off_diagonals(context)
        return _Sylvester(
            self.basis(context),
            both.triu(1),
            torch.tanh(self.diagonal(context)),
            both.tril(-1).mT,
            torch.tanh(self.inner_diagonal(context)),
            self.b(context),
        )


class Basis:
    """Orthonormal columns Q; here Q = I."""

    def coordinates(self, z: Tensor) -> Tensor:
        """Q'z [..., M] of z [..., L]."""
        return z

    def vector(self, v: Tensor) -> Tensor:
        """Qv [..., L] of v [..., M]."""
        return v


class _Sylvester(LayerTransform):
    def __init__(
        self,
        basis: Basis,
        above: Tensor,
        diagonal: Tensor,
        inner_above: Tensor,
        inner_diagonal: Tensor,
        b: Tensor,
    ) -> None:
        super().__init__()
        self.basis, self.b = basis, b
        self.above, self.diagonal = above, diagonal
        self.inner_above, self.inner_diagonal = inner_above, inner_diagonal

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        v = self.basis.coordinates(x)
        inner = times(self.inner_above, v) + self.inner_diagonal * v + self.b
        act = torch.tanh(inner)
        y = x + self.basis.vector(times(self.above, act) + self.diagonal * act)
        stretch = self.diagonal * self.inner_diagonal * (1 - act.square())
        return y, torch.log1p(stretch).sum(-1)


def times(matrix: Tensor, vector: Tensor) -> Tensor:
    """Matrices [..., N, M] times vectors [..., M]; the matrices are not copied per particle."""
    return torch.einsum("...nm,...m->...n", matrix, vector)
