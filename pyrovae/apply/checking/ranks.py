"""Whether ranks are uniform: tests, bands, and what the shape of a misfit says."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from scipy.stats import binom
from torch import Tensor

_SIMULATED = 10_000  # sets of uniform ranks: the smallest p is 1e-4
_SEED = 0  # of them: a test of given ranks always gives the same p


@dataclass(frozen=True)
class UniformRanks:
    """Tests N ranks, integers from 0 to L, against the uniform distribution.

    Both tests compare with the same 10,000 sets of N uniform ranks, so that their level is right
    however few the data.

    Attributes:
        num_data: N.
        num_draws: L.

    Source:
        Talts et al. (2018), https://arxiv.org/abs/1804.06788 (histograms); Sailynoja, Burkner &
        Vehtari (2022), sec. 2, https://arxiv.org/abs/2103.10522 (simultaneous bands of the ECDF)
    """

    num_data: int
    num_draws: int

    @property
    def bin_edges(self) -> list[int]:
        """First ranks of the bins of a histogram, and L + 1: up to 20 bins, five data in each."""
        bins = max(2, min(20, self.num_data // 5, self.num_draws + 1))
        return [round(i * (self.num_draws + 1) / bins) for i in range(bins + 1)]

    @property
    def histogram_band(self) -> tuple[float, float]:
        """Where 95 % of the counts of the first bin lie."""
        share = self.bin_edges[1] / (self.num_draws + 1)
        low, high = binom.ppf([0.025, 0.975], self.num_data, share)
        return float(low), float(high)

    @property
    def ecdf_bands(self) -> tuple[Tensor, Tensor]:
        """Lower and upper end of the band that holds 95 % of the whole ECDFs, minus uniform."""
        smallest = np.quantile(self._simulated[1], 0.05, method="higher")
        level = float(smallest) * (1 - 1e-9)  # what is at the band's edge is inside
        at = self._at
        low, high = binom.ppf(np.array([[level / 2], [1 - level / 2]]), self.num_data, at)
        return torch.from_numpy(low / self.num_data - at), torch.from_numpy(
            high / self.num_data - at
        )

    def p_chi_squared(self, ranks: Tensor) -> Tensor:
        """p of the chi-squared test of binned ranks. [N, Q] -> [Q]."""
        return _p(-self._simulated[0], -self._chi_squared(self._counts(ranks)))

    def p_ecdf(self, ranks: Tensor) -> Tensor:
        """p of the largest deviation of the ECDF, in its own binomial scale. [N, Q] -> [Q]."""
        return _p(self._simulated[1], self._smallest_tail(self._counts(ranks)))

    def shapes(self, ranks: Tensor) -> list[str]:
        """What the shape of ranks [N, Q] that are not uniform says about the draws."""
        size = self.num_draws + 1
        u = (ranks.double() + 0.5) / size - 0.5
        shift = u.mean(0) * math.sqrt(12 * self.num_data)
        spread = (u.square().mean(0) - (size**2 - 1) / (12 * size**2)) * math.sqrt(
            180 * self.num_data
        )
        words = []
        for a, b in zip(shift.tolist(), spread.tolist(), strict=True):
            found = []
            if abs(b) > 2:
                found.append((abs(b), "U: too narrow" if b > 0 else "hump: too wide"))
            if abs(a) > 2:
                found.append((abs(a), "slope: too low" if a > 0 else "slope: too high"))
            words.append("; ".join(w for _, w in sorted(found, reverse=True)) or "uneven")
        return words

    @property
    def _at(self) -> np.ndarray:  # P(rank <= i) [L + 1]
        return np.arange(1, self.num_draws + 2) / (self.num_draws + 1)

    @cached_property
    def _simulated(self) -> tuple[np.ndarray, np.ndarray]:
        """Both statistics of sets of uniform ranks [S]."""
        rng = np.random.default_rng(_SEED)
        shares = np.full(self.num_draws + 1, 1 / (self.num_draws + 1))
        counts = rng.multinomial(self.num_data, shares, size=_SIMULATED)
        return self._chi_squared(counts), self._smallest_tail(counts)

    def _counts(self, ranks: Tensor) -> np.ndarray:  # [N, Q] -> [Q, L + 1]
        every = [np.bincount(own, minlength=self.num_draws + 1) for own in ranks.numpy().T]
        return np.stack(every)

    def _chi_squared(self, counts: np.ndarray) -> np.ndarray:  # [S, L + 1] -> [S]
        edges = self.bin_edges
        expected = np.diff(edges) * self.num_data / (self.num_draws + 1)
        binned = np.add.reduceat(counts, edges[:-1], axis=1)
        return ((binned - expected) ** 2 / expected).sum(1)

    def _smallest_tail(self, counts: np.ndarray) -> np.ndarray:  # [S, L + 1] -> [S]
        below = counts.cumsum(1)[:, :-1]  # the last is N
        smallest = np.ones(len(counts))
        for column, share in zip(below.T, self._at, strict=False):
            cdf = binom.cdf(np.arange(-1, self.num_data + 1), self.num_data, share)
            tails = np.minimum(cdf[1:], 1 - cdf[:-1])  # P(count <= k), P(count >= k)
            smallest = np.minimum(smallest, 2 * tails[column])
        return smallest


def holm(p: Tensor) -> Tensor:
    """p-values [Q] adjusted for Q tests, which may depend on each other in any way.

    Source:
        Holm (1979), A simple sequentially rejective multiple test procedure
    """
    order = p.argsort()
    steps = p[order] * torch.arange(len(p), 0, -1)
    return p.new_empty(len(p)).scatter(0, order, steps.cummax(0).values.clamp(max=1))


def _p(simulated: np.ndarray, found: np.ndarray) -> Tensor:
    """Share of simulated values that are as small as found ones, which count too."""
    below = np.searchsorted(np.sort(simulated), found, side="right")
    return torch.from_numpy((below + 1) / (len(simulated) + 1))
