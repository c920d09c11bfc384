"""Expectation maximisation: the steps that a VAE takes by gradients, taken whole."""

import torch
from torch import Tensor

from ..base import check_data
from .base import LinearVAE


@torch.no_grad()
def e_step(pair: LinearVAE, beta: float = 1.0) -> None:
    """Put the guide at its optimum for the model as it is: the exact posterior.

    A VAE's guide step climbs towards this place; here the encoder of all data is found at once,
    for the posterior means are linear in x and the covariance is one for all. A diagonal guide
    gets the best of its form: the exact means, and the inverse of the precision's diagonal.

    Args:
        pair: Whose encoder is written.
        beta: Weight of the KL. The optimum is proportional to p(z) p(x|z)^(1/beta).

    Source:
        Probabilistic Principal Component Analysis (Tipping & Bishop, 1999), app. B,
        https://doi.org/10.1111/1467-9868.00196
    """
    model, guide = pair.decoder, pair.encoder
    precision = pair.precision(beta)
    guide.weight.copy_(torch.linalg.solve(precision, model.weight.T / pair.variance()) / beta)
    guide.center.copy_(model.loc)
    if guide.lower is None:
        guide.log_scale.copy_(-0.5 * precision.diagonal().log())
        return
    tril = torch.linalg.cholesky(torch.linalg.inv(precision))
    guide.log_scale.copy_(tril.diagonal().log())
    guide.lower.copy_(tril.tril(-1))


@torch.no_grad()
def m_step(pair: LinearVAE, x: Tensor) -> None:
    """Put the model at its optimum for the guide as it is: a regression of x on q(z|x).

    A VAE's model step climbs towards this place. The weight of the KL does not enter.

    Args:
        pair: Whose decoder is written; a scale that is not learned stays.
        x: Data [N, *data_shape].

    Raises:
        ShapeError: The data have another shape.

    Source:
        Tipping & Bishop (1999), app. B; for factor analysis: Rubin & Thayer (1982),
        https://doi.org/10.1007/BF02293851
    """
    check_data(x, pair.data_shape, "m_step")
    model, guide, data = pair.decoder, pair.encoder, x.flatten(1)
    z = guide(data)  # [N, L]
    covariance = guide.scale_tril() @ guide.scale_tril().T
    off, z_off = data - data.mean(0), z - z.mean(0)
    second = z_off.T @ z_off / len(z) + covariance
    weight = torch.linalg.solve(second, z_off.T @ off / len(z)).T
    model.weight.copy_(weight)
    model.loc.copy_(data.mean(0) - weight @ z.mean(0))
    if model.log_scale.requires_grad:
        variance = (data - model(z)).square().mean(0) + ((weight @ covariance) * weight).sum(-1)
        variance = variance.mean() if model.log_scale.dim() == 0 else variance
        model.log_scale.copy_(variance.clamp(min=pair.min_scale**2).log() / 2)
