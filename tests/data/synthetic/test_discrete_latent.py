"""`DiscreteLatent` against numbers known in advance, full enumeration and sampling."""

import math

import numpy as np
import pyro
import pytest
import torch
from pyro import poutine
from pyro.infer import SVI, TraceGraph_ELBO

from pyrovae.data.synthetic import DiscreteLatent
from pyrovae.errors import ConfigError, ShapeError, SupportError
from tests.oracles import T15, t15, t15_iwae_by_enumeration, z_scores


@pytest.fixture(autouse=True)
def _clean_store():
    pyro.clear_param_store()


def random_pair(data_dim, latent_dim, seed=0):
    pair = DiscreteLatent.random(data_dim, latent_dim, seed=seed)
    return pair, pair.sample(4, seed=seed + 1)


def close(actual, expected, atol):
    actual = torch.as_tensor(actual).detach()
    expected = torch.as_tensor(expected, dtype=torch.float64).detach().to(actual)
    torch.testing.assert_close(actual, expected.expand_as(actual), atol=atol, rtol=0)


def log_weights(pair, x, num_particles, seed=0):
    pyro.set_rng_seed(seed)
    with pyro.plate("particles", num_particles, dim=-2):
        guide = poutine.trace(pair.guide).get_trace(x)
        model = poutine.trace(poutine.replay(pair.model, trace=guide)).get_trace(x)
    for trace in (guide, model):
        trace.compute_log_prob()
    return sum(model.nodes[n]["log_prob"] for n in "zx") - guide.nodes["z"]["log_prob"]


def test_evidence_and_posterior_of_the_fixture():
    pair, x = t15()
    close(pair.log_px(x)[0], T15["log_px"], 1e-11)
    close(pair.posterior_marginals(x)[0], T15["posterior_marginals"], 1e-8)


@pytest.mark.parametrize("num_particles", T15["iwae"])
def test_iwae_and_its_gradient_of_the_fixture(num_particles):
    pair, x = t15()
    bound = pair.iwae(x, num_particles)
    (gradient,) = torch.autograd.grad(bound.sum(), pair.encoder.loc)
    close(bound[0], T15["iwae"][num_particles], 1e-11)
    close(gradient, T15["grad_phi"][num_particles], 1e-8)
    value, by_enumeration = t15_iwae_by_enumeration(num_particles)
    close(bound[0], value, 1e-11)
    close(gradient, by_enumeration, 1e-11)


def test_elbo_of_the_fixture():
    pair, x = t15()
    close(pair.elbo(x)[0], T15["iwae"][1], 1e-11)
    (gradient,) = torch.autograd.grad(pair.elbo(x).sum(), pair.encoder.loc)
    close(gradient, T15["grad_phi"][1], 1e-8)


@pytest.mark.parametrize("sizes", [(3, 1), (4, 2), (7, 3), (5, 6)])
@pytest.mark.parametrize("seed", [0, 10])
def test_identities_on_random_pairs(sizes, seed):
    pair, x = random_pair(*sizes, seed)
    log_px, elbo = pair.log_px(x), pair.elbo(x)
    close(pair.posterior(x).sum(-1), 1.0, 1e-12)
    close(elbo, (log_px - pair.kl_to_posterior(x)), 1e-11)
    close(elbo, (pair.reconstruction(x) - pair.kl(x)), 1e-12)
    close(pair.iwae(x, 1), elbo, 1e-11)
    bounds = torch.stack([pair.iwae(x, k) for k in (1, 2, 3, 10, 100, 5000)])
    assert (bounds.diff(dim=0) > 0).all() and (bounds[-1] < log_px).all()


def test_evidence_is_normalised():
    pair = DiscreteLatent.random(5, 3, seed=2)
    x = torch.cartesian_prod(*[torch.tensor([0.0, 1.0], dtype=torch.float64)] * 5)
    close(pair.log_px(x).logsumexp(0), 0.0, 1e-12)


def test_many_particles_reach_the_bias_law():
    pair, x = random_pair(4, 3)
    log_q, posterior = pair._log_q(x), pair.posterior(x)
    variance = (posterior**2 / log_q.exp()).sum(-1) - 1
    scaled = 2 * 100_000 * (pair.log_px(x) - pair.iwae(x, 100_000))
    torch.testing.assert_close(scaled, variance, rtol=2e-3, atol=0)


def test_a_posterior_of_zeros_stays_finite():
    pair, x = t15()
    with torch.no_grad():
        pair.decoder.weight.mul_(200)
    bound = pair.iwae(x, 3)
    gradient = torch.autograd.grad(bound.sum(), list(pair.parameters()))
    assert bound.isfinite().all() and all(g.isfinite().all() for g in gradient)
    assert (pair.elbo(x) < bound).all() and (bound < pair.log_px(x)).all()


def test_sampling_agrees_with_every_exact_number():
    pair, x = random_pair(4, 3)
    with torch.no_grad():
        log_w = log_weights(pair, x, 60_000)
        groups = log_w.reshape(12_000, 5, 4).logsumexp(1) - math.log(5)
        found = {
            "elbo": z_scores(log_w, pair.elbo(x)),
            "weight": z_scores((log_w - pair.log_px(x)).exp(), 1.0),
            "iwae": z_scores(groups, pair.iwae(x, 5)),
        }
    for name, score in found.items():
        assert score.abs().max() < 4.5, (name, score)


def test_samples_follow_the_evidence():
    pair = DiscreteLatent.random(3, 2, seed=3)
    x = pair.sample(40_000, seed=4)
    patterns = torch.cartesian_prod(*[torch.tensor([0.0, 1.0], dtype=torch.float64)] * 3)
    hits = (x[:, None] == patterns).all(-1)
    assert z_scores(hits, pair.log_px(patterns).exp().detach()).abs().max() < 4.5
    assert torch.equal(x, pair.sample(40_000, seed=4))


def test_svi_trains_model_and_guide():
    pair, x = random_pair(4, 3)
    before = pair.elbo(x).sum().item()
    start = [p.detach().clone() for p in pair.parameters()]
    pyro.set_rng_seed(0)
    svi = SVI(pair.model, pair.guide, pyro.optim.Adam({"lr": 0.05}), TraceGraph_ELBO())
    for _ in range(40):
        svi.step(x)
    assert pair.elbo(x).sum().item() > before
    assert all(not torch.equal(a, b) for a, b in zip(start, pair.parameters(), strict=True))


def test_states_count_in_binary_and_move_with_the_pair():
    pair, x = t15(torch.float32)
    assert np.array_equal(pair.states.numpy() @ [4, 2, 1], np.arange(8))
    assert pair.to(torch.float64).states.dtype == torch.float64
    assert pair.iwae(x, 2).dtype == torch.float64


def test_bad_arguments_are_refused():
    pair, x = t15()
    with pytest.raises(SupportError, match="binarise"):
        pair.elbo(x * 0.5)
    with pytest.raises(ShapeError, match=r"needs \[B, 4\]"):
        pair.elbo(x[0])
    with pytest.raises(ConfigError, match="num_particles=0"):
        pair.iwae(x, 0)
    with pytest.raises(ConfigError, match="between 0 and 1"):
        DiscreteLatent(torch.tensor([1.0]), torch.ones(3, 1), torch.zeros(3), torch.zeros(1))
    with pytest.raises(ShapeError, match="q_logits"):
        DiscreteLatent(torch.tensor([0.5]), torch.ones(3, 1), torch.zeros(3), torch.zeros(2))
    with pytest.raises(ConfigError, match="L=13"):
        DiscreteLatent(torch.full((13,), 0.5), torch.ones(2, 13), torch.zeros(2), torch.zeros(13))
