"""Exact conditionals of normals, and how far draws are from them in standard errors."""

import torch
from torch.distributions import MultivariateNormal


def normal_of(pair):
    """Mean [D] and covariance [D, D] of x, by its moments in the pair's closed form."""
    loc, spread = torch.zeros(pair.latent_dim).double(), torch.eye(pair.latent_dim).double()
    weight, bias, variance = (t.detach() for t in pair._likelihood())
    return bias + weight @ loc, weight @ spread @ weight.T + variance * torch.eye(len(bias))


def normal_of_chain(pair):
    weight, bias, variance = (t.detach() for t in pair._likelihood())
    loc, spread = (t.detach() for t in pair._prior())
    return weight @ loc + bias, weight @ spread @ weight.T + variance * torch.eye(len(bias))


def given(normal, matrix, noise, y):
    """The normal of x given y = A x + noise, batch shape [N]."""
    loc, spread = normal
    matrix = matrix.double()
    of_y = matrix @ spread @ matrix.T + noise**2 * torch.eye(len(matrix))
    gain = spread @ matrix.T @ torch.linalg.inv(of_y)
    left = spread - gain @ matrix @ spread
    return loc + (y - loc @ matrix.T) @ gain.T, 0.5 * (left + left.T)


def hidden_given_seen(normal, mask, x):
    """The normal of the hidden elements given the others [N]."""
    loc, spread = normal
    hid, see = ~mask, mask
    gain = spread[hid][:, see] @ torch.linalg.inv(spread[see][:, see])
    left = spread[hid][:, hid] - gain @ spread[see][:, hid]
    return MultivariateNormal(loc[hid] + (x[:, see] - loc[see]) @ gain.T, 0.5 * (left + left.T))


def z_scores(draws, loc, covariance, ess=None):
    """Largest z-score of mean and of covariance of draws [S, N, D], as independent ones."""
    size = len(draws) if ess is None else ess
    of_mean = (draws.mean(0) - loc).abs() / (covariance.diagonal() / size).sqrt()
    centred = draws - loc
    found = torch.einsum("sni,snj->nij", centred, centred) / len(draws)
    diagonal = covariance.diagonal()
    error = ((diagonal[:, None] * diagonal + covariance**2) / size).sqrt()
    return float(of_mean.max()), float(((found - covariance).abs() / error).max())
