"""Normals of a full or a low-rank covariance."""

from typing import Any

import torch
from torch import Tensor
from torch.distributions import LowRankMultivariateNormal, MultivariateNormal

from ..stack import Stack
from .base import Coder, as_array
from .triangular import TriangularNormals


class MultivariateNormalCoder(Coder):
    """Codes multivariate normals by their Cholesky factors, one coordinate of all rows a time."""

    @staticmethod
    def takes(fn: Any) -> bool:  # noqa: ANN401
        return isinstance(fn, MultivariateNormal | LowRankMultivariateNormal)

    @staticmethod
    def widths(fn: Any, value: Tensor) -> Tensor:  # noqa: ANN401
        return _factor(fn).diagonal(dim1=-2, dim2=-1)

    def push(self, stack: Stack, value: Tensor) -> None:
        index = self.index(value)
        self._normals().push(stack, index.reshape(self.rows, -1, self.fn.event_shape[0]))

    def pop(self, stack: Stack) -> Tensor:
        index = self._normals().pop(stack)
        return self.padded(self.lattice.values(index.reshape(self.rows, -1)))

    def _normals(self) -> TriangularNormals:
        step, (size,) = self.lattice.step, self.fn.event_shape
        mean = self.array(self.fn.mean).reshape(self.rows, -1, size)
        factor = as_array(_factor(self.fn).expand(*self.shape, size), self.rows, self.name)
        factor = factor.reshape(self.rows, -1, size, size)
        return TriangularNormals(mean / step - 0.5, factor / step, is_open=self.is_open)


def _factor(fn: Any) -> Tensor:  # noqa: ANN401
    if isinstance(fn, MultivariateNormal):
        return fn.scale_tril
    return torch.linalg.cholesky(fn.covariance_matrix)
