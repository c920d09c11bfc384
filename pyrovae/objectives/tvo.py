"""Thermodynamic variational objective."""

from collections.abc import Sequence
from typing import Literal, Unpack

import torch
from torch import Tensor

from ..errors import ConfigError
from ..particles import Particles
from .constructor import Drawing
from .fixed_draws import FixedDrawsELBO
from .options import is_whole

Partition = Literal["equal", "log", "adaptive"] | Sequence[float]

_GRID = 33


class TVO(FixedDrawsELBO):
    r"""Thermodynamic variational objective: lower or upper sum of an integral equal to log p(x).

    In nats per datum, a Riemann sum of :math:`\log p(x) = \int_0^1 \eta(\beta) d\beta`, where
    :math:`\eta(\beta) = E_{\pi_\beta}[\log w]` rises along the path
    :math:`\pi_\beta \propto q^{1-\beta} p(x, z)^\beta`, so that the left sum bounds log p(x) from
    below and the right sum from above; one interval gives the ELBO and the EUBO. Every
    expectation is taken with the same K particles, reweighted by :math:`w^\beta`, which is biased
    by O(1/K) for beta > 0. Draw by draw left sum <= log mean w <= right sum: the left one stays a
    bound in expectation at any K, the right one only for K large enough.

    The gradient takes the draws as they are and differentiates each expectation as a covariance,
    for latents of all kinds alike; it is that of the exact sum, up to the same O(1/K), and not
    that of the value. The right sum is an upper bound: its loss is plus the bound, and its
    gradient moves the guide alone.

    Args:
        num_particles: Particles per datum, K >= 1. Few make the betas near one useless.
        partition: "equal" intervals; "log": from zero to `first_beta`, then equal factors up to
            one; "adaptive": per datum, such that the integrand rises by equal amounts; or the
            betas themselves, rising from 0 to 1.
        num_intervals: Of a partition that is a name.
        first_beta: Of "log", inside (0, 1).
        side: "left" or "right" sum.
        vectorize_particles: See `ParticleELBO`, as for the remaining arguments.

    Raises:
        ConfigError: The partition is not one.
        SiteError: The guide cannot score given values (a flow without an inverse).

    Source:
        The Thermodynamic Variational Objective (Masrani et al., 2019),
        https://arxiv.org/abs/1907.00031; equal rises: All in the Exponential Family (Brekelmans et
        al., 2020), "moments" schedule, https://arxiv.org/abs/2007.00642

    Example:
        >>> from pyrovae.data import LinearGaussian
        >>> oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> x = oracle.sample(3, seed=1)
        >>> _ = torch.manual_seed(0)
        >>> left, right = (
        ...     TVO(1000, side=side).per_datum(oracle.model, oracle.guide, x)
        ...     for side in ("left", "right")
        ... )
        >>> bool((left < right).all())
        True
    """

    def __init__(
        self,
        num_particles: int = 10,
        *,
        partition: Partition = "equal",
        num_intervals: int = 5,
        first_beta: float = 0.025,
        side: Literal["left", "right"] = "left",
        **drawing: Unpack[Drawing],
    ) -> None:
        super().__init__(num_particles, **drawing)
        if side not in ("left", "right"):
            raise ConfigError(
                f"TVO got side={side!r}, needs 'left' (bounds from below) or 'right' (from above)"
            )
        if isinstance(partition, str):
            _check_named(partition, num_intervals, first_beta)
        else:
            partition = tuple(float(beta) for beta in partition)
            _check_betas(partition)
        self.partition = partition
        self.num_intervals = num_intervals
        self.first_beta = first_beta
        self.side = side
        self.is_upper_bound = side == "right"
        self._betas: Tensor | None = None

    def bound(self, p: Particles) -> Tensor:  # [K, B] -> [B]
        points, widths = self._points(p.log_w)
        _, means = _reweighted(points, p.log_w)
        return (widths * means).sum(0)

    def weights(self, p: Particles) -> tuple[Tensor | None, Tensor]:
        # d E[f] = E[df] + Cov(d log pi, f), with f = log w, log pi = log q + beta log w.
        points, widths = self._points(p.log_w)
        share, means = _reweighted(points, p.log_w)
        share = widths.unsqueeze(1) * share  # [T, K, B]
        spread = share * (p.log_w - means.unsqueeze(1))
        of_log_w = (share + points.unsqueeze(1) * spread).sum(0)
        of_guide = spread.sum(0) - of_log_w
        return (None if self.is_upper_bound else of_log_w), of_guide

    def _points(self, log_w: Tensor) -> tuple[Tensor, Tensor]:
        """Where the integrand is taken, and for how wide an interval, each [T, B or 1]."""
        betas = self._betas
        if self.partition == "adaptive":
            betas = _equal_rises(log_w.detach(), self.num_intervals)
        elif betas is None or (betas.device, betas.dtype) != (log_w.device, log_w.dtype):
            betas = self._betas = self._fixed().to(log_w)
        return (betas[1:] if self.is_upper_bound else betas[:-1]), betas.diff(dim=0)

    def _fixed(self) -> Tensor:  # [T + 1, 1]
        count = self.num_intervals
        if self.partition == "equal":
            betas = torch.linspace(0, 1, count + 1, dtype=torch.float64)
        elif self.partition == "log":
            exponents = torch.linspace(1, 0, count, dtype=torch.float64)
            rising = self.first_beta**exponents if count > 1 else torch.ones(1).double()
            betas = torch.cat([torch.zeros(1).double(), rising])
        else:
            betas = torch.tensor(self.partition, dtype=torch.float64)
        return betas.unsqueeze(-1)


def _reweighted(points: Tensor, log_w: Tensor) -> tuple[Tensor, Tensor]:
    """Shares proportional to w^beta [T, K, B], and the mean of log w under them [T, B]."""
    points = points.unsqueeze(1)
    tempered = torch.where(points > 0, points * log_w, 0.0)  # a weight of zero has no finite log
    share = torch.softmax(tempered, 1)
    return share, (share * torch.where(share > 0, log_w, 0.0)).sum(1)


def _equal_rises(log_w: Tensor, count: int) -> Tensor:
    """Betas between which the mean of log w rises by equal amounts [T + 1, B]."""
    grid = torch.linspace(0, 1, _GRID, dtype=log_w.dtype, device=log_w.device) ** 3
    means = _reweighted(grid.unsqueeze(-1), log_w)[1].cummax(0).values  # [G, B]
    steps = torch.arange(1, count, dtype=log_w.dtype, device=log_w.device) / count
    targets = means[0] + steps.unsqueeze(-1) * (means[-1] - means[0])  # [T - 1, B]
    above = torch.searchsorted(means.T.contiguous(), targets.T.contiguous()).T.clamp(1, _GRID - 1)
    low, high = means.gather(0, above - 1), means.gather(0, above)
    part = (targets - low) / (high - low).clamp_min(torch.finfo(log_w.dtype).tiny)
    inner = grid[above - 1] + part.clamp(0, 1) * (grid[above] - grid[above - 1])
    ends = torch.zeros_like(means[:1])
    return torch.cat([ends, inner, ends + 1])


def _check_named(partition: str, num_intervals: int, first_beta: float) -> None:
    if partition not in ("equal", "log", "adaptive"):
        raise ConfigError(
            f"TVO got partition={partition!r}; choose 'equal', 'log', 'adaptive', or give betas"
        )
    if not is_whole(num_intervals, 1):
        raise ConfigError(
            f"TVO got num_intervals={num_intervals}, needs >= 1; give a whole number (one gives "
            "the ELBO and the EUBO)"
        )
    if not 0 < first_beta < 1:
        raise ConfigError(
            f"TVO got first_beta={first_beta}, needs a number inside (0, 1): the first point "
            "after zero of partition='log'"
        )


def _check_betas(betas: Sequence[float]) -> None:
    rising = all(a < b for a, b in zip(betas, betas[1:], strict=False))
    if len(betas) < 2 or not rising or betas[0] != 0 or betas[-1] != 1:
        raise ConfigError(
            f"TVO got the betas {list(betas)}; they must rise from 0 to 1, or name a partition: "
            "'equal', 'log', 'adaptive'"
        )
