"""Estimates from fewer weights against exact bounds, what is left against exact gaps."""

import math

import pytest
import torch

from pyrovae.data.synthetic import LinearGaussian
from pyrovae.evaluate import log_evidence
from pyrovae.evaluate.rise import estimates_at, powers, shortfalls_of, sizes_below
from pyrovae.math import pareto_k
from tests.oracles import exact_gamma_bias, lg2, z_scores


def test_sizes_are_halves_rounded_down():
    assert sizes_below(1) == (1,) and sizes_below(5) == (1, 2, 5)
    assert sizes_below(5000)[-4:] == (625, 1250, 2500, 5000) and len(sizes_below(5000)) == 11


@pytest.mark.parametrize("num_particles", [1, 7, 40])
def test_estimates_with_fewer_weights_are_the_exact_bounds(num_particles):
    """Weights ~ Gamma(a, a), for which E log mean_K w is known."""
    torch.manual_seed(num_particles)
    weights = torch.distributions.Gamma(0.7, 0.7).sample((num_particles, 20_000)).double()
    found = estimates_at(weights.log())
    for size, row in zip(sizes_below(num_particles), found, strict=True):
        assert abs(z_scores(row, exact_gamma_bias(0.7, size))) < 4.5, size


def test_a_pair_gives_them_in_any_chunks():
    oracle, x = lg2()
    many = x.expand(500, -1)
    found = log_evidence(oracle.model, oracle.guide, many, num_particles=20, chunk=3000, seed=0)
    for size, row in zip(found.sizes, found.log_px_at, strict=True):
        assert abs(z_scores(row, oracle.iwae(x, size).item())) < 4.5, size
    assert torch.equal(found.log_px_at[-1], found.log_px)


def test_a_shortfall_that_falls_as_one_over_k_is_found():
    torch.manual_seed(0)
    weights = torch.distributions.Gamma(2.0, 2.0).sample((64, 20_000)).double()
    exact = -exact_gamma_bias(2.0, 64)
    said = shortfalls_of(estimates_at(weights.log()), sizes_below(64), torch.ones(20_000))
    assert abs(z_scores(said, exact)) < 4.5
    assert said.mean().item() == pytest.approx(exact, rel=0.1)


@pytest.mark.parametrize(("k_hat", "power"), [
    (-math.inf, 1), (0.2, 1), (0.5, 1), (0.6, 2 / 3), (0.75, 1 / 3), (0.9, 0.2), (2.0, 0.2),
    (math.inf, 0.2), (math.nan, 0.3),
])  # fmt: skip
def test_powers(k_hat, power):
    assert powers(torch.tensor([k_hat])).item() == pytest.approx(power)


@pytest.mark.parametrize("scale", [0.5, 0.4])
def test_a_guide_too_narrow(scale):
    """p = N(0, 1), q = N(0, scale^2): the gap falls more slowly than 1 / K."""
    torch.manual_seed(0)
    noise = torch.randn(200, 1000, dtype=torch.float64)
    log_w = noise**2 / 2 - (scale * noise) ** 2 / 2 + math.log(scale)
    found, sizes = estimates_at(log_w), sizes_below(200)
    exact = -found[-1].mean()
    assert 0.5 < shortfalls_of(found, sizes, powers(pareto_k(log_w))).mean() / exact < 3
    assert shortfalls_of(found, sizes, torch.ones(1000)).mean() < 0.5 * exact


def degraded(latent_dim, scale, shift, num_particles):
    """What is said, and what is true, of a Gaussian guide that is off by so much."""
    pair = LinearGaussian.random(data_dim=latent_dim + 3, latent_dim=latent_dim, seed=latent_dim)
    x = pair.sample(40, seed=1)
    with torch.no_grad():
        posterior = pair.posterior(x)
        sd = posterior.covariance_matrix[0].diagonal().sqrt()
        pair.encoder.log_scale.copy_((scale * sd).log())
        weight = torch.linalg.lstsq(x - x.mean(0), posterior.mean - posterior.mean.mean(0))
        pair.encoder.weight.copy_(weight.solution.T)
        at_mean = posterior.mean.mean(0) - weight.solution.T @ x.mean(0)
        pair.encoder.loc.copy_(at_mean + shift * sd)
    found = log_evidence(pair.model, pair.guide, x, num_particles=num_particles, seed=0)
    return found, float((pair.log_px(x).detach() - found.log_px).mean())


def test_the_verdict_is_seldom_wrong():
    """A small part of benchmarks/trust.py."""
    near, wrong, low, fine, ratios = 0, 0, 0, 0, []
    for latent_dim in (2, 12):
        for scale in (0.6, 0.9, 1.2):
            for shift in (0.0, 0.5):
                for num_particles in (100, 1000):
                    found, off = degraded(latent_dim, scale, shift, num_particles)
                    said = found.verdict.startswith("within 0.1 nats")
                    near, wrong = near + said, wrong + (said and abs(off) > 0.1)
                    if "too low" in found.verdict:
                        low, fine = low + 1, fine + (off < 0.05)
                        ratios.append(found.shortfall / max(off, 0.01))
    assert near >= 10 and wrong <= 1
    assert low >= 6 and fine <= low / 3
    assert 0.4 < torch.tensor(ratios).median() < 2.5
