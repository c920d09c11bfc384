"""Exact truths to test estimators against: two fixtures, their numbers, and a second route.

`lg2()` and `t15()` give the public oracles at fixed values; `LG2` and `T15` hold numbers known in
advance. The `*_by_*` functions compute the same numbers again from textbook formulas, quadrature
or enumeration, and share no code with the library.
"""

from itertools import product

import numpy as np
import torch
from scipy.special import digamma, logsumexp
from scipy.stats import multivariate_normal
from torch import Tensor

from pyrovae.data.synthetic import DiscreteLatent, LinearGaussian

LG2_ARRAYS = {
    "weight": [[1, 0], [0.5, -1], [0.3, 0.8], [-0.6, 0.4], [0.2, 0.1]],
    "bias": [0.1, -0.2, 0.3, 0, 0.5],
    "variance": 0.49,
    "x": [0.5, 1, -0.3, 0.2, 0.8],
    "q_loc": [0.3, -0.4],
    "q_scale": [0.6, 0.5],
}

LG2 = {
    "log_px": -5.268672287404,
    "posterior_loc": (0.2029967746, -0.6402441514),
    "posterior_precision": ((4.5510204082, -0.9795918367), (-0.9795918367, 4.6938775510)),
    "elbo": -5.504780546574,
    "reconstruction": -4.870807742248,
    "kl": 0.633972804326,
    "kl_to_posterior": 0.236108259170,
    "kl_from_posterior": 0.198018443109,
    "eubo": -5.070653844296,
    "best_mean_field_elbo": -5.291652916605,
    "grad_bias_log_px": (0.4020473988, 0.9352193088, -0.3034769618, 1.1793790312, 0.6600511433),
    "grad_bias_elbo": (0.2040816327, 1.3265306122, -0.7551020408, 1.1020408163, 0.5714285714),
    "weight_variance": 0.426902104819,
    "weight_mu3": 0.398476883520,
    "weight_mu4": 1.205318244980,
    "ess": 0.70082,
    # K: bound
    "iwae": {
        1: -5.5047805466,
        2: -5.3786487998,
        3: -5.3409195,
        5: -5.3116615001,
        10: -5.2900743292,
        50: -5.2729430021,
        500: -5.26909921,
        5000: -5.26871498,
    },
    # K: 2 K (log p(x) - bound) / Var R
    "bias_law": {10: 1.0027, 50: 1.00040, 500: 1.000037},
    # alpha: bound
    "renyi": {
        -1: -5.0909194204,
        -0.5: -5.1753355729,
        0: -5.2686722874,
        0.5: -5.3753454228,
        0.9: -5.4762655788,
        0.999: -5.5044871078,
        1.001: -5.5050741624,
        2: -6.0414342961,
        3: -np.inf,
    },
    # (alpha, K): expectation of the K-sample estimator
    "renyi_finite": {
        (0.5, 1): -5.5047805,
        (0.5, 2): -5.4349423,
        (0.5, 5): -5.3983279,
        (0.5, 50): -5.3776012,
        (2, 2): -5.6309122934,
        (2, 5): -5.7501728,
        (2, 50): -5.9139418,
    },
    # K: gradient with respect to (m1, m2, log s1, log s2)
    "grad_phi": {
        1: (-0.2061224490, -1.0326530612, -0.6383673469, -0.1734693878),
        2: (-0.1558319, -0.5741637, -0.2219567, 0.0335538),
        10: (-0.0389514, -0.1268845, -0.0309570, 0.0375888),
    },
    "grad_phi_times_k_at_1024": (-0.41059, -1.30865, -0.27550, 0.48281),
    "grad_phi_times_k_limit": (-0.4108050, -1.3090707, -0.2751479, 0.4839612),
}

# Guide scale s: {K: log p - bound} for p(z|x) = N(0, 1), q = N(0, s^2).
UNDERDISPERSED = {
    0.6: {1: 0.190826, 10: 0.0676767, 100: 0.0189029, 1000: 0.00480303, 10_000: 0.00118934},
    0.5: {1: 0.318147, 10: 0.144562, 100: 0.0582950, 1000: 0.0233876, 10_000: 0.00961718},
}

T15_ARRAYS = {
    "prior_probs": [0.2, 0.5, 0.7],
    "weight": [[1, -2, 0.5], [0.3, 0.8, -1.2], [-0.7, 0.4, 1.5], [2, -1, -0.5]],
    "bias": [-0.2, 0.1, 0.3, -0.4],
    "q_logits": [0.4, -0.3, 0.1],
    "x": [1, 0, 1, 1],
}

T15 = {
    "log_px": -2.675716333843,
    "posterior_marginals": (0.43047382, 0.12883014, 0.85963090),
    # K: bound, and its gradient with respect to the guide's logits
    "iwae": {1: -3.367075649297, 2: -3.042016279659, 3: -2.917847786980},
    "grad_phi": {
        1: (-0.13517325, -0.39435023, 0.46591446),
        2: (-0.1081252, -0.2489942, 0.28959777),
        3: (-0.08913793, -0.17788592, 0.20143517),
    },
}

GAMMA_BIAS = {1: -0.5772156649, 2: -0.2703628455, 5: -0.1033202440, 10: -0.0508325039}


def lg2(dtype: torch.dtype = torch.float64) -> tuple[LinearGaussian, Tensor]:
    """The linear-Gaussian fixture and its one datum `[1, 5]`; its guide ignores the data."""
    tensors = {k: torch.tensor(v, dtype=dtype) for k, v in LG2_ARRAYS.items()}
    pair = LinearGaussian(
        tensors["weight"],
        tensors["bias"],
        LG2_ARRAYS["variance"] ** 0.5,
        q_loc=tensors["q_loc"],
        q_scale=tensors["q_scale"],
    )
    return pair, tensors["x"][None]


def t15(dtype: torch.dtype = torch.float64) -> tuple[DiscreteLatent, Tensor]:
    """The discrete fixture and its one datum `[1, 4]`; its guide ignores the data."""
    tensors = {k: torch.tensor(v, dtype=dtype) for k, v in T15_ARRAYS.items()}
    x = tensors.pop("x")
    return DiscreteLatent(**tensors), x[None]


def underdispersed(scale: float) -> tuple[LinearGaussian, Tensor]:
    """A pair with p(z|x) = N(0, 1) and q = N(0, scale^2), and its one datum `[1, 1]`."""
    zero = torch.zeros(1, dtype=torch.float64)
    pair = LinearGaussian(zero[None], zero, 1.0, q_loc=zero, q_scale=zero + scale)
    return pair, zero[None]


def phi_gradient(pair: LinearGaussian, bound: Tensor) -> Tensor:
    """Gradient of a bound with respect to the guide's (loc, log scale), `[2 L]`."""
    leaves = [pair.encoder.loc, pair.encoder.log_scale]
    return torch.cat(torch.autograd.grad(bound.sum(), leaves))


def z_scores(samples: Tensor, truth: Tensor | float) -> Tensor:
    """(mean - truth) in standard errors, coordinate by coordinate; samples `[N, ...]`."""
    samples = samples.detach().double()
    error = samples.std(0) / samples.shape[0] ** 0.5
    return (samples.mean(0) - torch.as_tensor(truth, dtype=torch.float64)) / error


def exact_gamma_bias(a: float, num_particles: int) -> float:
    """E log of the mean of K iid Gamma(a, rate a) weights, whose own mean is 1."""
    return float(digamma(a * num_particles) - np.log(a * num_particles))


def lg2_by_hand() -> dict[str, np.ndarray | float]:
    """The closed forms of the fixture from textbook formulas, in numpy."""
    w, b, x, m, s = (np.array(LG2_ARRAYS[k]) for k in ("weight", "bias", "x", "q_loc", "q_scale"))
    v, cov = LG2_ARRAYS["variance"], np.diag(s**2)
    marginal = w @ w.T + v * np.eye(5)
    precision = np.eye(2) + w.T @ w / v
    mu = np.linalg.solve(precision, w.T @ (x - b) / v)
    log_px = multivariate_normal.logpdf(x, b, marginal)
    error = x - b - w @ m
    recon = -2.5 * np.log(2 * np.pi * v) - (error @ error + np.trace(w @ cov @ w.T)) / (2 * v)
    # E_q R^2: the integral of p^2 / q, where the exponent stays a Gaussian's.
    second = 2 * precision - np.diag(s**-2.0)
    shift = 2 * precision @ mu - m / s**2
    exponent = shift @ np.linalg.solve(second, shift) - 2 * mu @ precision @ mu + m @ (m / s**2)
    log_r2 = 0.5 * exponent + np.log(np.linalg.det(precision) * s.prod())
    log_r2 -= 0.5 * np.log(np.linalg.det(second))
    gap = 0.5 * (np.log(np.diag(precision)).sum() - np.linalg.slogdet(precision)[1])
    posterior_cov = np.linalg.inv(precision)
    return {
        "log_px": log_px,
        "posterior_loc": mu,
        "posterior_precision": precision,
        "reconstruction": recon,
        "kl": _gaussian_kl(m, cov, np.zeros(2), np.eye(2)),
        "elbo": recon - _gaussian_kl(m, cov, np.zeros(2), np.eye(2)),
        "kl_to_posterior": _gaussian_kl(m, cov, mu, posterior_cov),
        "kl_from_posterior": _gaussian_kl(mu, posterior_cov, m, cov),
        "eubo": log_px + _gaussian_kl(mu, posterior_cov, m, cov),
        "best_mean_field_elbo": log_px - gap,
        "grad_bias_log_px": np.linalg.solve(marginal, x - b),
        "grad_bias_elbo": error / v,
        "weight_variance": np.exp(log_r2) - 1,
        "grad_phi_1": np.concatenate(
            [-precision @ (m - mu), 1 - s**2 * np.diag(precision)],
        ),
    }


def lg2_iwae_by_quadrature(
    num_particles: int, q_loc: np.ndarray | None = None, q_log_scale: np.ndarray | None = None
) -> float:
    """IWAE_K of the fixture: Frullani's integral over a two-dimensional Gauss-Hermite rule."""
    m = np.array(LG2_ARRAYS["q_loc"]) if q_loc is None else q_loc
    s = np.array(LG2_ARRAYS["q_scale"]) if q_log_scale is None else np.exp(q_log_scale)
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    weights = weights / weights.sum()
    eps = np.stack(np.meshgrid(nodes, nodes, indexing="ij"), -1).reshape(-1, 2)
    mass = np.outer(weights, weights).ravel()
    truth = lg2_by_hand()
    delta = m + s * eps - truth["posterior_loc"]
    precision = truth["posterior_precision"]
    log_p = 0.5 * np.linalg.slogdet(precision)[1] - 0.5 * ((delta @ precision) * delta).sum(1)
    log_r = log_p + np.log(s).sum() + 0.5 * (eps**2).sum(1)
    keep = mass > 1e-20
    ratio, mass = np.exp(log_r[keep]), mass[keep]
    step = 0.2
    t = np.exp(np.arange(-40, 46, step))
    phi = np.array([(mass * np.exp(-tau * ratio)).sum() for tau in t / num_particles])
    return truth["log_px"] + step * (np.exp(-t) - phi**num_particles).sum()


def t15_iwae_by_enumeration(num_particles: int) -> tuple[float, np.ndarray]:
    """IWAE_K of the fixture and its gradient in q's logits, over all 8^K tuples of samples."""
    arrays = {k: np.array(v, dtype=float) for k, v in T15_ARRAYS.items()}
    z = np.array(list(product((0.0, 1.0), repeat=3)))  # [8, 3]
    logits = z @ arrays["weight"].T + arrays["bias"]
    prior = np.where(z == 1, arrays["prior_probs"], 1 - arrays["prior_probs"])
    q_probs = 1 / (1 + np.exp(-arrays["q_logits"]))
    log_joint = np.log(prior).sum(1) + (arrays["x"] * logits - np.log1p(np.exp(logits))).sum(1)
    log_q = np.log(np.where(z == 1, q_probs, 1 - q_probs)).sum(1)
    score = z - q_probs  # d log q / d logits, [8, 3]
    tuples = np.array(list(product(range(8), repeat=num_particles)))  # [8^K, K]
    mass = np.exp(log_q[tuples].sum(1))
    log_w = (log_joint - log_q)[tuples]
    bound = logsumexp(log_w, axis=1) - np.log(num_particles)
    share = np.exp(log_w - logsumexp(log_w, axis=1, keepdims=True))
    # The product rule: the tuples' probabilities move, and so do their weights.
    moved = bound[:, None] * score[tuples].sum(1) - (share[:, :, None] * score[tuples]).sum(1)
    return float(mass @ bound), mass @ moved


def _gaussian_kl(m0: np.ndarray, c0: np.ndarray, m1: np.ndarray, c1: np.ndarray) -> float:
    inverse, delta = np.linalg.inv(c1), m1 - m0
    log_dets = np.linalg.slogdet(c1)[1] - np.linalg.slogdet(c0)[1]
    return 0.5 * (np.trace(inverse @ c0) + delta @ inverse @ delta - len(m0) + log_dets)
