"""Frechet distance between two Gaussians, and between two sets of features."""

import torch
from torch import Tensor

from ...errors import DataError


def frechet_distance(one: Tensor, other: Tensor) -> float:
    r"""Squared Frechet distance of the Gaussians that fit two sets of features.

    .. math:: |m_1 - m_2|^2 + \mathrm{tr}(C_1 + C_2 - 2 (C_1 C_2)^{1/2})

    With features of an Inception network it is called FID. It sees means and covariances alone. It
    is biased upwards: two sets of N draws of one distribution have a distance above zero, which
    falls like 1/N and grows with the number F of features. Compare distances of equal N only, and
    N well above F.

    Args:
        one: Features [N, F], N >= 2.
        other: Features [M, F], M >= 2.

    Raises:
        DataError: There are fewer than two rows, or unequal numbers of features.

    Source:
        GANs Trained by a Two Time-Scale Update Rule (Heusel et al., 2017), eq. 6,
        https://arxiv.org/abs/1706.08500; its bias: Effectively Unbiased FID and Inception Score
        (Chong & Forsyth, 2020), https://arxiv.org/abs/1911.07023

    Example:
        >>> x = torch.randn(500, 3, dtype=torch.float64)
        >>> abs(frechet_distance(x, x + torch.tensor([3.0, 0.0, 4.0])) - 25.0) < 1e-9
        True
    """
    check_features(one, other)
    (mean, covariance), (other_mean, other_covariance) = map(_moments, (one, other))
    return frechet_of_gaussians(mean, covariance, other_mean, other_covariance)


def frechet_of_gaussians(
    mean: Tensor, covariance: Tensor, other_mean: Tensor, other_covariance: Tensor
) -> float:
    """Squared Frechet distance of two Gaussians, of means [F] and covariances [F, F].

    The trace of the root of the product of covariances is the sum of the singular values of the
    product of their symmetric roots, which is stable where a covariance is singular.
    """
    roots = _root(covariance) @ _root(other_covariance)
    cross = torch.linalg.svdvals(roots).sum()
    spread = covariance.trace() + other_covariance.trace() - 2 * cross
    return float((mean - other_mean).square().sum() + spread.clamp(min=0))


def check_features(one: Tensor, other: Tensor, least: int = 2) -> None:
    """Refuse features that cannot be compared.

    Raises:
        DataError: Rows are missing, or numbers of features differ.
    """
    shapes = list(one.shape), list(other.shape)
    if one.dim() != 2 or other.dim() != 2 or one.shape[1] != other.shape[1]:
        raise DataError(
            f"features are of shapes {shapes[0]} and {shapes[1]}; give two tables [N, F] and "
            "[M, F] of as many features"
        )
    if min(len(one), len(other)) < least:
        raise DataError(
            f"features are of shapes {shapes[0]} and {shapes[1]}, and at least {least} rows of "
            "each are needed"
        )


def _moments(features: Tensor) -> tuple[Tensor, Tensor]:
    features = features.double()
    mean = features.mean(0)
    off = features - mean
    return mean, off.T @ off / (len(features) - 1)


def _root(covariance: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(covariance)
    return (vectors * values.clamp(min=0).sqrt()) @ vectors.T
