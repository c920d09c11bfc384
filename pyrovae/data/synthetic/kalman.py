"""Kalman's filter, the smoother of Rauch, Tung and Striebel, and the posterior as a chain."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ...distributions.affine_chain import AffineChain


@dataclass(frozen=True)
class Dynamics:
    """Parameters of z_1 ~ N(m, P), z_t = A z_(t-1) + b + N(0, Q), x_t = C z_t + d + N(0, R).

    Attributes:
        initial_loc: m [L].
        initial_cov: P [L, L].
        transition: A [L, L].
        drift: b [L].
        process_cov: Q [L, L].
        emission: C [D, L].
        bias: d [D].
        noise_cov: R [D, D].
    """

    initial_loc: Tensor
    initial_cov: Tensor
    transition: Tensor
    drift: Tensor
    process_cov: Tensor
    emission: Tensor
    bias: Tensor
    noise_cov: Tensor

    def ahead(self, mean: Tensor, cov: Tensor) -> tuple[Tensor, Tensor]:
        """Mean [B, L] and covariance [L, L] of the next state."""
        a = self.transition
        return mean @ a.T + self.drift, a @ cov @ a.T + self.process_cov

    def emitted(self, mean: Tensor, cov: Tensor) -> tuple[Tensor, Tensor]:
        """Mean [B, D] and covariance [D, D] of the data of a state."""
        c = self.emission
        return mean @ c.T + self.bias, c @ cov @ c.T + self.noise_cov


@dataclass(frozen=True)
class KalmanFilter:
    """What is known of each state from the data up to it; covariances do not depend on data.

    Attributes:
        means: E(z_t | x_1, ..., x_t) [B, T, L].
        covs: Their covariances [T, L, L].
        log_steps: log p(x_t | x_1, ..., x_(t-1)) [B, T].
    """

    means: Tensor
    covs: Tensor
    log_steps: Tensor


def kalman_filter(of: Dynamics, x: Tensor) -> KalmanFilter:
    """Filter sequences x [B, T, D].

    Source:
        Pattern Recognition and Machine Learning (Bishop, 2006), eqs. 13.89-13.92
    """
    mean, cov = of.initial_loc.expand(len(x), -1), of.initial_cov
    means, covs, logs = [], [], []
    eye = torch.eye(len(cov)).to(cov)
    for t in range(x.shape[1]):
        if t:
            mean, cov = of.ahead(mean, cov)
        expected, spread = of.emitted(mean, cov)
        factor = torch.linalg.cholesky(spread)
        error = x[:, t] - expected
        white = torch.linalg.solve_triangular(factor, error.T, upper=False)
        log_det = 2 * factor.diagonal().log().sum() + x.shape[2] * math.log(2 * math.pi)
        logs.append(-0.5 * (white.square().sum(0) + log_det))
        gain = torch.cholesky_solve(of.emission @ cov, factor).T  # [L, D]
        keep = eye - gain @ of.emission
        mean = mean + error @ gain.T
        cov = keep @ cov @ keep.T + gain @ of.noise_cov @ gain.T  # stays symmetric
        means.append(mean)
        covs.append(cov)
    return KalmanFilter(torch.stack(means, 1), torch.stack(covs), torch.stack(logs, 1))


def smoothed(of: Dynamics, filtered: KalmanFilter) -> tuple[Tensor, Tensor]:
    """Mean [B, T, L] and covariance [T, L, L] of each state given all data.

    Source:
        Maximum likelihood estimates of linear dynamic systems (Rauch, Tung & Striebel, 1965);
        Bishop (2006), eqs. 13.100-13.101
    """
    mean, cov = filtered.means[:, -1], filtered.covs[-1]
    means, covs = [mean], [cov]
    for t in range(len(filtered.covs) - 2, -1, -1):
        own_mean, own_cov = filtered.means[:, t], filtered.covs[t]
        expected, spread = of.ahead(own_mean, own_cov)
        gain = torch.linalg.solve(spread, of.transition @ own_cov).T
        mean = own_mean + (mean - expected) @ gain.T
        cov = own_cov + gain @ (cov - spread) @ gain.T
        means.append(mean)
        covs.append(cov)
    return torch.stack(means[::-1], 1), torch.stack(covs[::-1])


def posterior_chain(of: Dynamics, x: Tensor) -> AffineChain:
    """The posterior of the states [B, T, L] as p(z_1|x) p(z_2|z_1, x) ..., for x [B, T, D].

    By messages of the data from the end: log p(x_t, ..., x_T | z_t) is a quadratic form.
    """
    eye = torch.eye(len(of.initial_loc)).to(x)
    process, noise = torch.linalg.inv(of.process_cov), torch.linalg.inv(of.noise_cov)
    seen = of.emission.T @ noise @ of.emission
    pulls = (x - of.bias) @ noise @ of.emission  # [B, T, L]
    precision, pull = torch.zeros_like(eye), torch.zeros_like(pulls[:, 0])
    weights, offsets, factors = [], [], []
    for t in range(x.shape[1] - 1, -1, -1):
        precision, pull = precision + seen, pull + pulls[:, t]
        prior = process if t else torch.linalg.inv(of.initial_cov)
        loc = of.drift if t else of.initial_loc
        cov = torch.linalg.inv(prior + precision)
        weights.append(cov @ prior @ of.transition)
        offsets.append((loc @ prior + pull) @ cov)
        factors.append(torch.linalg.cholesky(cov))
        back = prior @ cov
        pull = (pull @ back.T + of.drift @ (back @ prior - prior)) @ of.transition
        precision = of.transition.T @ (prior - back @ prior) @ of.transition
    parts = (torch.stack(weights[::-1]), torch.stack(offsets[::-1], 1), torch.stack(factors[::-1]))
    return AffineChain(*parts)
