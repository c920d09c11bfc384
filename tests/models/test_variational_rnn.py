"""`VariationalRNN`: exact where the state knows the data alone, and against a step-by-step sum."""

from functools import partial

import pyro
import pytest
import torch
from torch.distributions import MultivariateNormal

from pyrovae import log_evidence
from pyrovae.errors import ConfigError
from pyrovae.models import VariationalRNN
from pyrovae.nn import MLP
from pyrovae.objectives import ELBO
from pyrovae.particles import simulate
from tests.oracles import z_scores

D, L, F, H = 2, 2, 3, 4
LINEAR = partial(MLP, hidden=())


@pytest.fixture(autouse=True)
def seeded():
    pyro.clear_param_store()
    pyro.set_rng_seed(0)


def small(**parts):
    networks = dict.fromkeys(["feature_network", "prior_network", "encoder", "decoder"], LINEAR)
    return VariationalRNN((5, D), L, hidden=H, features=F, **networks, **parts).double()


@torch.no_grad()
def blind():
    """One whose state sees the data and not the latents, so that each step is linear-Gaussian."""
    rnn = small()
    rnn.cell.input_weight[:, F:] = 0
    return rnn


def exact(rnn, x):
    """log p(x) of a blind one, by normals for each step given the state from `torch.nn.GRU`."""
    twin = torch.nn.GRU(2 * F, H, batch_first=True).double()
    for ours, theirs in zip(rnn.cell.parameters(), twin.parameters(), strict=True):
        theirs.data.copy_(ours)
    inputs = torch.cat([rnn.x_features(x), torch.zeros(*x.shape[:2], F, dtype=x.dtype)], -1)
    after, _ = twin(inputs)
    h = torch.cat([torch.zeros_like(after[:, :1]), after[:, :-1]], 1)
    prior = rnn.prior_network(h)
    weight, bias = rnn.decoder.layers[0].weight, rnn.decoder.layers[0].bias
    inner = rnn.z_features.layers[0]
    loading = weight[:, :F] @ inner.weight  # of z on x
    loc = prior.mean @ loading.T + (weight[:, :F] @ inner.bias + bias) + h @ weight[:, F:].T
    noise = torch.eye(D, dtype=x.dtype) * (2 * rnn.likelihood.log_scale).exp()
    spread = loading @ torch.diag_embed(prior.variance) @ loading.T + noise
    return MultivariateNormal(loc, spread).log_prob(x).sum(-1)


@torch.no_grad()
def test_evidence_and_bound_where_it_is_exact():
    rnn, x = blind(), torch.randn(3, 4, D, dtype=torch.float64)
    log_px = exact(rnn, x)
    found = log_evidence(rnn, x, num_particles=10_000, seed=0)
    assert ((found.log_px - log_px).abs() < 5 * found.standard_error + 1e-3).all()
    many = torch.stack([rnn.filter(x, num_particles=300).log_evidence for _ in range(30)])
    assert (z_scores((many - log_px).exp(), 1.0).abs() < 4).all()
    elbo = torch.stack([ELBO(50).per_datum(rnn.model, rnn.guide, x) for _ in range(5)])
    assert (elbo.mean(0) < log_px).all()


@torch.no_grad()
def test_densities_are_those_of_the_steps():
    rnn, x = small(), torch.randn(3, 4, D, dtype=torch.float64)
    data = rnn._steps(x, None, "test")
    seen = rnn._x_features(data)
    q = rnn.encode(x)
    z = q.sample((2,))
    h, log_q, log_p = torch.zeros(2, 3, H, dtype=x.dtype), 0.0, 0.0
    for t in range(4):
        each = seen[:, t].expand(2, -1, -1)
        log_q = log_q + rnn.encoder(torch.cat([each, h], -1)).log_prob(z[..., t, :])
        log_p = log_p + rnn.prior_network(h).log_prob(z[..., t, :])
        log_p = log_p + rnn._of_step(z[..., t, :], h).log_prob(x[:, t])
        h = rnn.cell.step(torch.cat([each, rnn.z_features(z[..., t, :])], -1), h)
    torch.testing.assert_close(q.log_prob(z), log_q)
    prior = rnn._chain(data, seen, lambda h, _: rnn.prior_network(h))
    whole = prior.log_prob(z) + rnn._emitted(z, data).log_prob(x)
    torch.testing.assert_close(whole, log_p)


@torch.no_grad()
def test_a_padded_and_an_unpadded_batch_have_one_bound():
    rnn = small(lengths=True)
    x = torch.randn(1, 3, D, dtype=torch.float64)
    wide = torch.cat([x, torch.full((1, 2, D), 9.0, dtype=x.dtype)], 1)
    length = torch.tensor([3])
    q, q_wide = rnn.encode(x, length), rnn.encode(wide, length)
    z = q.sample()
    z_wide = torch.cat([z, torch.randn(1, 2, L, dtype=x.dtype)], 1)
    ratios = []
    for of, at, given in ((x, z, q), (wide, z_wide, q_wide)):
        data = rnn._steps(of, length, "test")
        seen = rnn._x_features(data)
        prior = rnn._chain(data, seen, lambda h, _: rnn.prior_network(h))
        ratios.append(prior.log_prob(at) + rnn._emitted(at, data).log_prob(of)
                      - given.log_prob(at))  # fmt: skip
    torch.testing.assert_close(*ratios)


@torch.no_grad()
def test_forecasts_are_those_of_the_exact_next_step():
    rnn, x = blind(), torch.randn(2, 4, D, dtype=torch.float64)
    drawn = rnn.forecast(x, 1, num_samples=4000)[:, :, 0]
    # log p(x_5 | x_1, ..., x_4) on a grid of the first coordinate's mean, by the exact evidence
    grid = torch.linspace(-8, 8, 81, dtype=x.dtype)
    points = torch.cartesian_prod(grid, grid)
    for row in range(2):
        longer = torch.cat([x[row].expand(len(points), -1, -1), points[:, None]], 1)
        mass = (exact(rnn, longer) - exact(rnn, x[row : row + 1])).exp() * 0.2**2
        assert abs(mass.sum() - 1) < 1e-3
        mean = (mass[:, None] * points).sum(0)
        assert (z_scores(drawn[:, row], mean).abs() < 4.5).all()


def test_what_is_refused_and_made():
    rnn, x = small(), torch.randn(3, 4, D, dtype=torch.float64)
    with pytest.raises(ConfigError, match=r"draw with generate\(n\)"):
        simulate(rnn.model, x)
    assert rnn.generate(3, num_steps=7).shape == (3, 7, D)
    assert not torch.equal(rnn.generate(3), rnn.generate(3, mean=False))


@torch.no_grad()
def test_a_single_step():
    rnn, x = small(), torch.randn(3, 1, D, dtype=torch.float64)
    q = rnn.encoder(torch.cat([rnn.x_features(x), torch.zeros(3, 1, H).double()], -1))
    assert torch.equal(rnn.encode(x).log_prob(q.mean), q.to_event(1).log_prob(q.mean))
    assert rnn.forecast(x, 2, num_samples=4).shape == (4, 3, 2, D)
    assert log_evidence(rnn, x, num_particles=5).log_px.isfinite().all()
