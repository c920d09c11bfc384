"""A linear degradation: what was observed are weighted sums of the elements, with noise."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import pyro.distributions as dist
import torch
from pyro.distributions import TorchDistribution
from torch import Tensor
from torch.distributions import Bernoulli, Normal

from ...errors import ConfigError, ShapeError
from .bits import BitSums
from .observation import Masked, Observation, moments_of

_CANDIDATES = 32  # draws of x, from which the one that fits is taken


@dataclass(frozen=True)
class Degraded(Observation):
    r"""y = A x + noise was observed, normal noise of one scale.

    Given z, mean and covariance of y are :math:`A\mu(z)` and
    :math:`A\,\mathrm{diag}(v(z))A^T + \sigma^2 I`. Where p(x|z) is a normal all is exact, and
    where x are bits of which each enters one observed value, with seven others at most. Else
    log p(y|z) is that of the normal with these moments (moment matching), so that log p(x|y) is an
    approximation that bounds nothing; mean and
    variance of x given y and z are those of the best linear estimate, and x is drawn by sampling
    importance resampling: of 32 draws of p(x|z) each group of elements that share an
    observed value takes the one that fits y, which is exact as their number grows. With many
    elements to a group the draws fit y no better than the best of these.

    Attributes:
        y: What was observed [R, M].
        x: The data before the degradation, or a stand-in [R, D].
        known: Whether x are the true data, bool [R, 1].
        matrix: A [M, D].
        noise: sigma, positive.
    """

    y: Tensor
    x: Tensor
    known: Tensor
    matrix: Tensor
    noise: float

    def log_prob(self, elements: TorchDistribution) -> Tensor:
        if isinstance(elements, Bernoulli) and self._bits is not None:
            return self._bits.log_prob(elements.logits.reshape(self.x.shape), self.y)
        mean, variance = self._flat(elements)
        error = self.y - mean @ self.matrix.T
        if self._is_disjoint:
            spread = variance @ self.matrix.square().T + self.noise**2
            return Normal(torch.zeros_like(error), spread.sqrt()).log_prob(error).sum(-1)
        lower = torch.linalg.cholesky(self._covariance(variance))
        fn = dist.MultivariateNormal(torch.zeros_like(error), scale_tril=lower)
        return fn.log_prob(error)

    def draw(self, elements: TorchDistribution) -> Tensor:
        if isinstance(elements, Normal):
            x = elements.sample().reshape(self.x.shape)
            return x + self._towards(x, self._flat(elements)[1], self._drawn_noise())
        if isinstance(elements, Bernoulli) and self._bits is not None:
            x = elements.sample().reshape(self.x.shape).to(self.x)
            return self._bits.draw(elements.logits.reshape(self.x.shape), self.y, x)
        rows, columns, count = self._groups
        best, made = self.y.new_full((len(self.y), count), -math.inf), self.x
        for _ in range(_CANDIDATES):  # drawn by weight: the largest of log weights plus Gumbels
            x = elements.sample().reshape(self.x.shape).to(self.x)
            fit = -0.5 * ((self.y - x @ self.matrix.T) / self.noise).square()
            key = torch.zeros_like(best).index_add(-1, rows, fit) + _gumbel(best)
            made = torch.where((key > best)[:, columns], x, made)
            best = torch.maximum(best, key)
        return made

    def moments(self, elements: TorchDistribution) -> tuple[Tensor, Tensor]:
        if isinstance(elements, Bernoulli) and self._bits is not None:
            mean = self._bits.mean(elements.logits.reshape(self.x.shape), self.y)
            return mean, mean * (1 - mean)
        mean, variance = self._flat(elements)
        return mean + self._towards(mean, variance, 0.0), self._left(variance)

    def log_rest(self, elements: TorchDistribution) -> Tensor:
        each = elements.log_prob(self.x.reshape(elements.batch_shape)).reshape(self.x.shape)
        found = each.sum(-1) + self.log_given_x() - self.log_prob(elements)
        return torch.where(self.known[:, 0], found, 0.0)

    def filled(self, x: Tensor) -> Tensor:
        return x

    @property
    def can_be_scored(self) -> bool:
        return bool(self.known.any())

    def whole(self) -> Masked:
        seen = self.known.expand(self.x.shape)
        return Masked(self.x, seen, seen)

    def log_given_x(self) -> Tensor:
        error = (self.y - self.x @ self.matrix.T) / self.noise
        size = math.log(2 * math.pi) + 2 * math.log(self.noise)
        return torch.where(self.known[:, 0], -0.5 * (error.square() + size).sum(-1), 0.0)

    def _flat(self, elements: TorchDistribution) -> tuple[Tensor, Tensor]:
        mean, variance = moments_of(elements)
        return mean.reshape(self.x.shape), variance.reshape(self.x.shape)

    def _towards(self, x: Tensor, variance: Tensor, noise: Tensor | float) -> Tensor:
        """diag(v) A^T S^-1 (y - A x - noise) [R, D], for S the covariance of y given z."""
        error = self.y - x @ self.matrix.T - noise
        if self._is_disjoint:
            solved = error / (variance @ self.matrix.square().T + self.noise**2)
        else:
            lower = torch.linalg.cholesky(self._covariance(variance))
            solved = torch.cholesky_solve(error.unsqueeze(-1), lower).squeeze(-1)
        return variance * (solved @ self.matrix)

    def _left(self, variance: Tensor) -> Tensor:
        """The variance of x given y and z, by element [R, D]."""
        if self._is_disjoint:
            spread = variance @ self.matrix.square().T + self.noise**2
            return variance - variance.square() * ((1 / spread) @ self.matrix.square())
        lower = torch.linalg.cholesky(self._covariance(variance))
        across = self.matrix * variance.unsqueeze(-2)  # A diag(v) [R, M, D]
        explained = torch.linalg.solve_triangular(lower, across, upper=False).square().sum(-2)
        return (variance - explained).clamp_min(0)

    def _covariance(self, variance: Tensor) -> Tensor:
        spread = (self.matrix * variance.unsqueeze(-2)) @ self.matrix.T
        return spread + self.noise**2 * torch.eye(len(self.matrix)).to(spread)

    def _drawn_noise(self) -> Tensor:
        return self.noise * torch.randn_like(self.y)

    @cached_property
    def _bits(self) -> BitSums | None:
        return BitSums.of(self.matrix, self.noise)

    @cached_property
    def _is_disjoint(self) -> bool:
        """Whether no element enters two observed values, so that these are independent given z."""
        return bool(((self.matrix != 0).sum(0) <= 1).all())

    @cached_property
    def _groups(self) -> tuple[Tensor, Tensor, int]:
        """The group of each observed value [M], that of each element [D], and their number."""
        from scipy.sparse import bmat, csr_matrix
        from scipy.sparse.csgraph import connected_components

        shared = csr_matrix((self.matrix != 0).cpu().numpy())
        count, group = connected_components(bmat([[None, shared], [shared.T, None]]))
        found = torch.as_tensor(group, dtype=torch.int64, device=self.matrix.device)
        return found[: len(self.matrix)], found[len(self.matrix) :], int(count)


def average_pooling(shape: Sequence[int], factor: int) -> tuple[Tensor, tuple[int, ...]]:
    """The matrix that averages blocks of factor by factor pixels, and the shape that it gives.

    Args:
        shape: Of an image [..., H, W].
        factor: Height and width of a block.

    Raises:
        ConfigError: `factor` is below two.
        ShapeError: The data are no images that such blocks cover.

    Example:
        >>> average_pooling((1, 2, 4), 2)
        (tensor([[0.2500, 0.2500, 0.0000, 0.0000, 0.2500, 0.2500, 0.0000, 0.0000],
                 [0.0000, 0.0000, 0.2500, 0.2500, 0.0000, 0.0000, 0.2500, 0.2500]],
                dtype=torch.float64), (1, 1, 2))
    """
    if factor < 2:
        raise ConfigError(f"factor is {factor}, and blocks are of 2 by 2 pixels or more")
    if len(shape) < 2 or shape[-2] % factor or shape[-1] % factor:
        raise ShapeError(
            f"images of shape {list(shape)} do not divide into blocks of {factor} by {factor} "
            "pixels; take another factor, or give a matrix to `invert`"
        )
    small = (*shape[:-2], shape[-2] // factor, shape[-1] // factor)

    def pool(x: Tensor) -> Tensor:
        return torch.nn.functional.avg_pool2d(x.reshape(len(x), -1, *shape[-2:]), factor)

    return matrix_of(pool, shape), small


def matrix_of(linear: Callable[[Tensor], Tensor], shape: Sequence[int]) -> Tensor:
    """The matrix [M, D] of a linear function of data [N, *shape], which gives [N, ...].

    Raises:
        ConfigError: The function is not linear.
    """
    size = math.prod(shape)
    basis = torch.eye(size, dtype=torch.float64).reshape(size, *shape)
    one = torch.linspace(-1, 2, size, dtype=torch.float64).reshape(1, *shape)
    try:
        columns, check = linear(basis).flatten(1), linear(one).flatten(1)
    except RuntimeError:  # it holds numbers of a lower precision
        columns, check = linear(basis.float()).flatten(1), linear(one.float()).flatten(1)
    matrix = columns.T.detach()
    if not torch.allclose(check.to(matrix), one.reshape(1, -1).to(matrix) @ matrix.T, atol=1e-4):
        raise ConfigError(
            "the degradation is not linear: it does not give A x for the matrix A of what it "
            "makes of single elements; give a linear function without an offset"
        )
    return matrix


def _gumbel(like: Tensor) -> Tensor:
    return -torch.empty_like(like).exponential_().log()
