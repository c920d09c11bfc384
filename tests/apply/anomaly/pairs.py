"""Pairs whose scores are known exactly."""

import torch

from pyrovae.data.synthetic import LinearGaussian


def exact(seed=0, data_dim=5, latent_dim=2):
    """A linear-Gaussian pair whose guide is the exact posterior, so that every weight is p(x)."""
    drawn = LinearGaussian.random(data_dim=data_dim, latent_dim=latent_dim, seed=seed)
    weight, bias, variance = (t.detach() for t in drawn._likelihood())
    return LinearGaussian(weight, bias, float(variance) ** 0.5,
                          name=f"exact{seed}")  # fmt: skip


def marginal(pair):
    """N(b, WW' + sigma^2 I)."""
    weight, bias, variance = (t.detach() for t in pair._likelihood())
    return bias, weight @ weight.T + variance * torch.eye(len(bias)).double()
