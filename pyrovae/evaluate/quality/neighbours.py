"""Precision, recall, density and coverage: what two sets have in common, by nearest neighbours."""

from typing import NamedTuple

import torch
from torch import Tensor

from ...errors import ConfigError
from .frechet import check_features

_ROWS = 1024  # whose distances are held at once


class Overlap(NamedTuple):
    """What generated features have in common with real ones.

    Attributes:
        precision: Share of the generated that lie within a ball around a real one whose radius is
            the distance to its k-th neighbour: are samples like data?
        recall: Share of the real that lie within such a ball around a generated one: is what is in
            the data in the samples? One generated outlier has a large ball and can make it large.
        density: How many of the balls around the real ones hold a generated one, divided by k,
            on average; may exceed 1, which is its expectation where the distributions are equal.
            Robust to single outliers among the real.
        coverage: Share of the real whose ball holds a generated one; 1 - 2^-k in expectation where
            the distributions are equal and N = M is large.
    """

    precision: float
    recall: float
    density: float
    coverage: float


def overlap(real: Tensor, generated: Tensor, *, nearest: int = 5) -> Overlap:
    """Precision and recall, density and coverage of generated features.

    They depend on N, M, k and the features; compare what has all of them in common. In many
    dimensions distances say little: keep to some tens of features.

    Args:
        real: Features [N, F], N > k.
        generated: Features [M, F], M > k.
        nearest: k.

    Raises:
        ConfigError: k is below one.
        DataError: There are not more than k rows, or unequal numbers of features.

    Source:
        Improved Precision and Recall Metric for Assessing Generative Models (Kynkaanniemi et al.,
        2019), sec. 3, https://arxiv.org/abs/1904.06991; Reliable Fidelity and Diversity Metrics
        for Generative Models (Naeem et al., 2020), sec. 3, https://arxiv.org/abs/2002.09797

    Example:
        >>> x = torch.randn(200, 3)
        >>> overlap(x, x + 100.0)
        Overlap(precision=0.0, recall=0.0, density=0.0, coverage=0.0)
    """
    if nearest < 1:
        raise ConfigError(f"nearest is {nearest}, and must be at least 1")
    check_features(real, generated, nearest + 1)
    around_real, around_generated = (_radii(side, nearest) for side in (real, generated))
    within_real = torch.zeros(len(generated), dtype=torch.long, device=real.device)
    recalled, covered = [], []
    for start in range(0, len(real), _ROWS):
        rows = slice(start, start + _ROWS)
        distance = torch.cdist(real[rows], generated)  # [R, M]
        inside = distance < around_real[rows, None]
        within_real += inside.sum(0)
        recalled.append((distance < around_generated).any(1))
        covered.append(inside.any(1))
    return Overlap(
        precision=float((within_real > 0).double().mean()),
        recall=float(torch.cat(recalled).double().mean()),
        density=float(within_real.double().mean() / nearest),
        coverage=float(torch.cat(covered).double().mean()),
    )


def nearest_distances(features: Tensor, reference: Tensor) -> Tensor:
    """Distance of each row to the nearest row of the reference [M]."""
    parts = [torch.cdist(part, reference).amin(1) for part in features.split(_ROWS)]
    return torch.cat(parts)


def _radii(features: Tensor, nearest: int) -> Tensor:
    """Distance of each row to its k-th neighbour among the others [N]."""
    parts = [
        torch.cdist(part, features).kthvalue(nearest + 1, dim=1).values  # the first is itself
        for part in features.split(_ROWS)
    ]
    return torch.cat(parts)
