r"""Exact :math:`E\log\frac1K\sum_k V_k` of iid positive weights, for any K, without sampling.

Frullani's integral gives, with :math:`\varphi(\tau) = E e^{-\tau V}`,

.. math:: E\log\tfrac1K\textstyle\sum_k V_k = \int_0^\infty (e^{-t} - \varphi(t/K)^K)\,dt/t.

Over :math:`u = \log t` the integrand is analytic in the strip :math:`|Im\,u| < \pi/2` and decays
on both sides, so the trapezoid rule reaches double precision with few points. If
:math:`\varphi` is unknown, it follows from the moments :math:`E V^m` by Mellin inversion.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from ...errors import ConfigError, ShapeError

_STEP = 0.3  # in u: the error of the trapezoid rule is exp(-pi^2 / _STEP)
_TAIL = 32.0  # exp(-32) = 1e-14: smaller terms are dropped
_MAX_TABLE = 30_000_000  # complex numbers in one kernel table: 480 MB


def expected_log_mean(
    log_laplace: Callable[[Tensor], Tensor],
    num_particles: int,
    *,
    lower: float,
    upper: float,
    device: torch.device,
) -> Tensor:
    """Expected log of the mean of K weights, in nats: `[B]`, float64, differentiable.

    Args:
        log_laplace: Maps log tau `[T]`, ascending, to log E exp(-tau V) `[T, B]`.
        num_particles: K >= 1.
        lower: Log t below which the integrand vanishes.
        upper: Log t above which the integrand vanishes.
        device: Where `log_laplace` computes.
    """
    u = torch.arange(lower, upper, _STEP, dtype=torch.float64, device=device)
    phi_to_the_k = (num_particles * log_laplace(u - math.log(num_particles))).exp()
    return _STEP * ((-u.exp()).exp()[:, None] - phi_to_the_k).sum(0)


def expected_log_mean_from_moments(
    log_moment: Callable[[Tensor], Tensor], num_particles: int, *, down: float, up: float
) -> Tensor:
    """Expected log of the mean of K weights whose moments are known, in nats: `[B]`, float64.

    Args:
        log_moment: Maps orders m `[S]`, real or complex, to log E V^m `[S, B]`.
        num_particles: K >= 1.
        down: E V^m is finite for -down < m; infinity is allowed.
        up: E V^m is finite for m < up; infinity is allowed.

    Raises:
        ConfigError: The weights reach so close to zero that the integral needs too much memory.
    """
    down, up = min(1.0, down), min(1.0, up)
    at = torch.tensor([0.5 * up, 0.9 * up, -0.9 * down], dtype=torch.float64)
    with torch.no_grad():
        half, high, low = log_moment(at)
        log_unit = half / at[0]  # the unit of V, so that small tau loses no digits
        high = (high - at[1] * log_unit).max().item()
        low = (low - at[2] * log_unit).max().item()

    def centred(order: Tensor) -> Tensor:  # [S] -> [S, B]
        return log_moment(order) - order.to(log_unit.device)[:, None] * log_unit

    def log_laplace(log_tau: Tensor) -> Tensor:  # [T] -> [T, B]
        small, large = log_tau[log_tau <= 0], log_tau[log_tau > 0]
        # Rounding of the remainder shrinks with tau left of zero, and must not grow right of it.
        rest = _laplace_remainder(small, centred, contour=-0.5 * up, period=2 * _TAIL / up)
        near = torch.log1p((rest * small.exp().exp()[:, None]).clamp(min=-1 + 1e-15))
        period = max(_TAIL / down, _TAIL / up + large.max().item())
        rest = _laplace_remainder(large, centred, contour=0.0, period=period)
        far = ((-large.exp()).exp()[:, None] + rest).clamp(min=1e-300).log()
        return torch.cat([near - small.exp()[:, None], far])

    log_k = math.log(num_particles)
    lower = min(-_TAIL, log_k - (_TAIL + log_k + max(high, 0.0)) / (0.9 * up))
    upper = log_k + max(4.0, (low + _TAIL / num_particles) / (0.9 * down))
    mean = expected_log_mean(
        log_laplace, num_particles, lower=lower, upper=upper, device=log_unit.device
    )
    return log_unit + mean


def gaussian_log_moment(order: Tensor, mean: Tensor, covariance: Tensor) -> Tensor:
    """log E_q R^order `[S, B]` of R = p/q, for q = N(mean, covariance) and p = N(0, I).

    Args:
        order: Real or complex `[S]`. The result is inf if a real part is outside `finite_orders`.
        mean: `[B, L]`, float64.
        covariance: `[L, L]`, float64.
    """
    order = order.to(mean.device)
    eye = torch.eye(mean.shape[-1]).to(covariance)
    matrix = eye.to(order) + order[:, None, None] * (covariance - eye)
    mean_t = mean.T.to(order)  # [L, B]
    quadratic = (mean_t * torch.linalg.solve(matrix, mean_t)).sum(-2)
    ratio = torch.linalg.eigvalsh(covariance)
    log_det = torch.log1p(order[:, None] * (ratio - 1)).sum(-1) - order * ratio.log().sum()
    value = 0.5 * ((order * (order - 1))[:, None] * quadratic - log_det[:, None])
    diverges = (1 + order.real[:, None] * (ratio - 1) <= 0).any(-1)
    return torch.where(diverges[:, None], math.inf, value)


def finite_orders(covariance: Tensor) -> tuple[float, float]:
    """(down, up): E_q R^m of `gaussian_log_moment` is finite for -down < m < up."""
    ratio = torch.linalg.eigvalsh(covariance.detach())
    low, high = ratio.min().item(), ratio.max().item()
    return 1 / (high - 1) if high > 1 else math.inf, 1 / (1 - low) if low < 1 else math.inf


class Affine(nn.Module):
    """weight u + loc: `[..., in]` to `[..., out]`, in the dtype of u; without weight, loc."""

    def __init__(self, weight: Tensor | None, loc: Tensor) -> None:
        super().__init__()
        self.weight = None if weight is None else nn.Parameter(weight.detach().clone())
        self.loc = nn.Parameter(loc.detach().clone())

    def linear(self, u: Tensor) -> Tensor:
        """weight u, without loc."""
        if self.weight is None:
            return u.new_zeros(u.shape[:-1] + self.loc.shape)
        return u @ self.weight.T.to(u.dtype)

    def affine(self, u: Tensor) -> Tensor:
        """weight u + loc."""
        return self.linear(u) + self.loc.to(u.dtype)


def check_batch(x: Tensor, data_dim: int, where: str) -> None:
    """Check the shape of a batch.

    Raises:
        ShapeError: `x` is not `[B, D]`.
    """
    if x.ndim != 2 or x.shape[1] != data_dim:
        raise ShapeError(
            f"{where} got data of shape {list(x.shape)}, needs [B, {data_dim}]; "
            "a single datum is x[None]"
        )


def check_particles(num_particles: int, where: str) -> None:
    """Check a number of particles.

    Raises:
        ConfigError: `num_particles` is not positive.
    """
    if num_particles < 1:
        raise ConfigError(f"{where} got num_particles={num_particles}, needs an integer >= 1")


def _laplace_remainder(
    log_tau: Tensor, log_moment: Callable[[Tensor], Tensor], *, contour: float, period: float
) -> Tensor:  # [T] -> [T, B]
    r"""E exp(-tau V) - exp(-tau): Gamma(s) (E V^-s - 1), Mellin inverted along Re s = contour.

    The subtraction removes the pole at s = 0. After discretisation the result is periodic in log
    tau with `period` (up to a factor exp(contour * period)), which must reach where it vanishes.
    """
    step = 2 * math.pi / period
    imag = step * (torch.arange(math.ceil(2 / math.pi * _TAIL / step), dtype=torch.float64) + 0.5)
    if len(log_tau) * len(imag) > _MAX_TABLE:
        raise ConfigError(
            f"the exact bound needs a table of {len(log_tau)} x {len(imag)} numbers, because the "
            "guide is far wider than the posterior or far from it; bring it closer, or raise "
            "num_particles"
        )
    from scipy.special import gamma  # imported late: only this needs it, and it takes time

    s = torch.complex(torch.full_like(imag, contour), imag)
    mellin = torch.from_numpy(gamma(s.numpy())).to(log_tau.device)  # [S], constants
    s = s.to(log_tau.device)
    kernel = mellin * (-s * log_tau[:, None]).exp() * (step / math.pi)  # [T, S]
    moments = torch.expm1(log_moment(-s))  # [S, B]
    return kernel.real @ moments.real - kernel.imag @ moments.imag
