"""Counts as of genes in cells, made so that the truth is known."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Cells:
    """Counts of cells of several types that were measured in several batches.

    The shares of the genes in a cell are those of its type times factors of its batch. Counts are
    negative binomial around the share times the size of the cell, which also depends on the batch.
    Types are as frequent in each batch.

    Attributes:
        x: Counts [N, D].
        batch: Of each cell [N].
        type: Of each cell [N].
        shares: Of the genes by type, as batch 0 would measure them [T, D].
        batch_factors: Of each gene in each batch [C, D]; ones in batch 0.

    Example:
        >>> cells = Cells.simulate(100, num_genes=20)
        >>> cells.x.shape, cells.shares.sum(-1).round()
        (torch.Size([100, 20]), tensor([1., 1., 1., 1.]))
    """

    x: Tensor
    batch: Tensor
    type: Tensor
    shares: Tensor
    batch_factors: Tensor

    @classmethod
    def simulate(
        cls,
        n: int = 3000,
        *,
        num_genes: int = 200,
        num_types: int = 4,
        num_batches: int = 2,
        size: float = 500.0,
        effect: float = 0.5,
        inverse_dispersion: float = 5.0,
        seed: int = 0,
    ) -> Cells:
        """Draw cells.

        Args:
            n: N.
            num_genes: D.
            num_types: T.
            num_batches: C.
            size: Median total in batch 0; in the next it is half of that, and so on.
            effect: Standard deviation of the logarithms of the batch factors.
            inverse_dispersion: theta: the variance of a count is mu + mu^2 / theta.
            seed: Of all draws.
        """
        drawn = torch.Generator().manual_seed(seed)

        def normal(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=drawn)

        base, own = normal(num_genes), normal(num_types, num_genes)
        marks = torch.rand(num_types, num_genes, generator=drawn) < 0.3
        shares = (base + 1.5 * own * marks).softmax(-1)
        factors = (effect * normal(num_batches, num_genes)).exp()
        factors[0] = 1.0
        kind = torch.randint(num_types, (n,), generator=drawn)
        batch = torch.randint(num_batches, (n,), generator=drawn)
        measured = shares[kind] * factors[batch]
        measured = measured / measured.sum(-1, keepdim=True)
        sizes = size * 0.5**batch * (0.3 * normal(n)).exp()
        theta = torch.full_like(measured, inverse_dispersion)
        gamma = torch._standard_gamma(theta, generator=drawn)
        rate = gamma / inverse_dispersion * sizes[:, None] * measured
        x = torch.poisson(rate, generator=drawn)
        x[x.sum(-1) == 0, 0] = 1.0  # nothing counted, nothing to learn from
        return cls(x, batch, kind, shares, factors)
