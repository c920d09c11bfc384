"""Householder flow: reflections at hyperplanes."""

from pyro.distributions.transforms.householder import ConditionedHouseholder
from torch import Tensor
from torch.distributions import Transform

from ..sizes import as_size
from .base import Amortised, FlowLayer


class Householder(FlowLayer):
    r"""Reflects at hyperplanes, :math:`y = z - 2 v v^\top z / v^\top v`: a learned mixing layer.

    The map is orthogonal, its log-determinant is 0, and it may depend on x. On a diagonal normal
    it gives a full covariance. Like a permutation it does not start near the identity.

    Args:
        dim: L.
        context_dim: C.
        num_reflections: Number of vectors v; L of them give any orthogonal matrix.

    Raises:
        ConfigError: There is no reflection.

    Source:
        Improving Variational Auto-Encoders using Householder Flow (Tomczak & Welling, 2016),
        sec. 2, https://arxiv.org/abs/1611.09630

    Example:
        >>> import torch
        >>> layer = Householder(4, num_reflections=2)
        >>> z = torch.randn(3, 4)
        >>> torch.allclose(layer.condition()(z).norm(dim=-1), z.norm(dim=-1), atol=1e-5)
        True
    """

    starts_near_identity = False

    def __init__(self, dim: int, context_dim: int = 0, *, num_reflections: int = 1) -> None:
        super().__init__(dim, context_dim)
        dim, context_dim = self.dim, self.context_dim
        num_reflections = as_size(num_reflections, "num_reflections", "Householder")
        self.normals = Amortised((num_reflections, dim), context_dim, scale=1.0)

    def condition(self, context: Tensor | None = None) -> Transform:
        self.check_context(context)
        return ConditionedHouseholder(self.normals(context))
