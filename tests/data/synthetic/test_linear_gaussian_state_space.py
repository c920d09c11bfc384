"""`LinearGaussianStateSpace` against the joint normal of the whole sequence, and against Pyro."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch.distributions import MultivariateNormal

from pyrovae.data import LinearGaussianStateSpace
from pyrovae.errors import ConfigError, ShapeError
from pyrovae.objectives import ELBO, IWAE, STL
from tests.oracles import z_scores

SIZES = [(1, 1), (3, 2), (2, 3)]  # D, L


def close(actual, expected, atol=1e-9):
    torch.testing.assert_close(actual, expected, atol=atol, rtol=0)


def joint(pair, num_steps):
    """Mean and covariance of all states, then all data, from the definition, as dense matrices."""
    size, data_dim = pair.latent_dim, pair.data_dim
    count = num_steps * size
    # z = M z + offset + noise, so that z = (I - M)^-1 (offset + noise).
    moves = torch.zeros(count, count, dtype=torch.float64)
    offset = pair.initial_loc.double()
    noise = pair.log_initial_scale.exp()
    for t in range(1, num_steps):
        moves[t * size : (t + 1) * size, (t - 1) * size : t * size] = pair.transition
        offset = torch.cat([offset, pair.drift])
        noise = torch.cat([noise, pair.log_process_scale.exp()])
    solve = torch.linalg.inv(torch.eye(count, dtype=torch.float64) - moves)
    mean, cov = solve @ offset, solve @ noise.square().diag() @ solve.T
    emission = torch.block_diag(*[pair.emission] * num_steps)
    spread = emission @ cov @ emission.T
    spread = spread + pair.log_noise_scale.exp().square().repeat(num_steps).diag()
    return (
        mean,
        cov,
        emission @ mean + pair.bias.repeat(num_steps),
        spread,
        cov @ emission.T,
        data_dim,
    )


@pytest.fixture(params=SIZES, ids=str)
def pair(request):
    return LinearGaussianStateSpace.random(*request.param, seed=3).requires_grad_(False).eval()


def test_against_the_joint_normal(pair):
    x = pair.sample(4, num_steps=6, seed=1)
    mean, cov, x_mean, x_cov, between, _ = joint(pair, 6)
    close(pair.log_px(x), MultivariateNormal(x_mean, x_cov).log_prob(x.flatten(1)))
    gain = between @ torch.linalg.inv(x_cov)
    states = (mean + (x.flatten(1) - x_mean) @ gain.T).reshape(4, 6, -1)
    spread = cov - gain @ between.T
    blocks = torch.stack([spread[i : i + pair.latent_dim, i : i + pair.latent_dim]
                          for i in range(0, len(spread), pair.latent_dim)])  # fmt: skip
    q = pair.posterior(x)
    for found in (pair.smooth(x), (q.mean, q.covariances())):
        close(found[0], states)
        close(found[1], blocks)
    drawn = q.sample()
    dense = MultivariateNormal(states.flatten(1), spread)
    close(q.log_prob(drawn), dense.log_prob(drawn.flatten(1)), atol=1e-7)
    close(pair.filter(x).means[:, -1], states[:, -1])


def test_lengths_and_forecast_are_parts_of_the_joint(pair):
    x = pair.sample(3, num_steps=7, seed=2)
    lengths = torch.tensor([7, 1, 4])
    close(pair.log_px(x, lengths)[2], pair.log_px(x[2:, :4])[0])
    _, _, x_mean, x_cov, _, size = joint(pair, 7)
    known = 4 * size
    gain = x_cov[known:, :known] @ torch.linalg.inv(x_cov[:known, :known])
    given = x[:, :4].flatten(1)
    expected = (x_mean[known:] + (given - x_mean[:known]) @ gain.T).reshape(3, 3, size)
    spread = x_cov[known:, known:] - gain @ x_cov[:known, known:]
    means, covs = pair.forecast(x[:, :4], 3)
    close(means, expected)
    close(covs[-1], spread[-size:, -size:])


def test_against_pyro(pair):
    x = pair.sample(4, num_steps=9, seed=4)
    initial = dist.MultivariateNormal(
        pair.initial_loc, pair.log_initial_scale.exp().square().diag()
    )
    process = dist.MultivariateNormal(pair.drift, pair.log_process_scale.exp().square().diag())
    noise = dist.MultivariateNormal(pair.bias, pair.log_noise_scale.exp().square().diag())
    # Pyro's state before the first step makes one more transition: start one step earlier.
    back = torch.linalg.inv(pair.transition)
    before = dist.MultivariateNormal(
        back @ (pair.initial_loc - pair.drift),
        back @ (initial.covariance_matrix - process.covariance_matrix) @ back.T
        + 1e-12 * torch.eye(pair.latent_dim, dtype=torch.float64),
    )
    hmm = dist.GaussianHMM(before, pair.transition.T, process, pair.emission.T, noise, duration=9)
    torch.testing.assert_close(pair.log_px(x), hmm.log_prob(x), rtol=1e-6, atol=1e-6)


def test_the_exact_guide_makes_every_draw_the_evidence(pair):
    x = pair.sample(3, num_steps=8, seed=5)
    for objective in (ELBO(), IWAE(3), STL(2)):
        close(objective.per_datum(pair.model, pair.guide, x), pair.log_px(x), atol=1e-8)


def test_a_wider_guide_has_its_bound():
    pair = LinearGaussianStateSpace.random(3, 2, seed=3, spread=1.3)
    x = pair.sample(2, num_steps=5, seed=5)
    pyro.set_rng_seed(0)
    with torch.no_grad():
        found = torch.stack([ELBO(100).per_datum(pair.model, pair.guide, x) for _ in range(30)])
    assert (pair.elbo(x) < pair.log_px(x) - 0.1).all()
    assert (z_scores(found, pair.elbo(x)).abs() < 4).all()


def test_samples_have_the_moments():
    pair = LinearGaussianStateSpace.random(2, 2, seed=6).requires_grad_(False)
    _, _, mean, cov, _, _ = joint(pair, 4)
    found = pair.sample(4000, num_steps=4, seed=7).flatten(1)
    assert (z_scores(found, mean).abs() < 4.5).all()
    assert (z_scores((found - mean).square(), cov.diagonal()).abs() < 4.5).all()


def test_what_is_refused():
    one = torch.ones(1)
    with pytest.raises(ConfigError, match="noise_scale must be positive"):
        LinearGaussianStateSpace(torch.eye(1), torch.eye(1), process_scale=one, noise_scale=-one)
    with pytest.raises(ShapeError, match="process_scale"):
        LinearGaussianStateSpace(
            torch.eye(2), torch.ones(1, 2), process_scale=one, noise_scale=one
        )
    pair = LinearGaussianStateSpace.random(3, 2, seed=0)
    with pytest.raises(ShapeError, match=r"x\[None\]"):
        pair.log_px(torch.zeros(5, 3))
