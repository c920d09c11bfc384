"""Expectation maximisation for the linear VAEs."""

import torch
from torch import Tensor

from ..base import check_data
from .base import LinearVAE


@torch.no_grad()
def e_step(pair: LinearVAE, beta: float = 1.0) -> None:
    """Set the guide to its optimum for the current model: the exact posterior.

    A VAE's guide approaches this optimum by gradients. Here it has a closed form, because the
    posterior means are linear in x and all data share one covariance. A diagonal guide gets the
    exact means and the inverse of the precision's diagonal, the best of its form.

    Args:
        pair: The pair whose encoder is overwritten.
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
    """Set the model to its optimum for the current guide: a regression of x on q(z|x).

    A VAE's model approaches this optimum by gradients. It does not depend on the weight of the KL.

    Args:
        pair: The pair whose decoder is overwritten; a scale that is not learned stays.
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
