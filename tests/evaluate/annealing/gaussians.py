"""The annealing path of a linear-Gaussian pair in closed form."""

import torch
from torch.distributions import MultivariateNormal


def path(oracle, x, beta):
    """pi_beta of q(z|x)^(1 - beta) p(x, z)^beta, batch shape [B]."""
    q, posterior = oracle._q(x), oracle.posterior(x)
    shares = (1 - beta) * q.precision_matrix, beta * posterior.precision_matrix
    precision = shares[0] + shares[1]
    pulled = sum((s @ d.loc.unsqueeze(-1)) for s, d in zip(shares, (q, posterior), strict=True))
    loc = torch.linalg.solve(precision, pulled).squeeze(-1)
    return MultivariateNormal(loc.detach(), precision_matrix=precision.detach())


def exact_moves(oracle):
    """A transition that draws pi_beta itself."""

    def transition(latents, beta, x):
        return {"z": path(oracle, x, beta).sample((latents["z"].shape[0],)).to(x)}

    return transition


def expected_log_weight(oracle, x, beta):
    """E of log p(x, z) - log q(z|x) under pi_beta [B]."""
    middle = path(oracle, x, beta)

    def expected(density):
        error = middle.loc - density.loc
        precision = density.precision_matrix
        spread = (precision * middle.covariance_matrix).sum((-1, -2))
        length = (error.unsqueeze(-2) @ precision @ error.unsqueeze(-1)).squeeze(-1).squeeze(-1)
        return density.log_prob(density.loc) - 0.5 * (spread + length)

    return (oracle.log_px(x) + expected(oracle.posterior(x)) - expected(oracle._q(x))).detach()


def riemann(oracle, x, size):
    """Lower and upper sums of the path's integral over `size` equal intervals, 2 x [B]."""
    heights = torch.stack([expected_log_weight(oracle, x, t / size) for t in range(size + 1)])
    return heights[:-1].mean(0), heights[1:].mean(0)
