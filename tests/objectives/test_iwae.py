"""The importance-weighted bound against exact values for any K, and against Pyro's own."""

from itertools import product

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from pyro.infer import RenyiELBO

from pyrovae.data import DiscreteLatent, LinearGaussian
from pyrovae.math import effective_sample_size
from pyrovae.objectives import ELBO, IWAE
from pyrovae.particles.parameters import trainable
from tests.objectives.copies import discrete_copies, gaussian_copies, gaussian_truth
from tests.oracles import (
    GAMMA_BIAS,
    LG2,
    T15,
    UNDERDISPERSED,
    exact_gamma_bias,
    lg2,
    t15,
    t15_iwae_by_enumeration,
    underdispersed,
    z_scores,
)
from tests.pairs import STYLES


def _bounds(pair, x, num_particles, copies):
    """`copies` independent bounds for each row of x [copies, B]."""
    many = x.repeat(copies, 1)
    bounds = IWAE(num_particles).per_datum(pair.model, pair.guide, many)
    return bounds.reshape(copies, len(x))


@pytest.mark.parametrize("num_particles", LG2["iwae"])
def test_mean_is_exact(num_particles):
    pair, x = lg2()
    bounds = _bounds(pair, x, num_particles, min(100_000, 1_000_000 // num_particles))
    assert abs(z_scores(bounds, LG2["iwae"][num_particles])) < 4.5


def test_tightens_to_the_evidence():
    pair, x = lg2()
    means = [_bounds(pair, x, k, 300_000 // k).mean().item() for k in (1, 2, 5, 20, 100)]
    assert means == sorted(means)
    assert LG2["log_px"] - 0.01 < means[-1] < LG2["log_px"]


@pytest.mark.parametrize("data_dim,latent_dim,seed", [(3, 1, 0), (7, 4, 1)])
@pytest.mark.parametrize("num_particles", [2, 7])
def test_mean_on_random_models(data_dim, latent_dim, seed, num_particles):
    pair = LinearGaussian.random(data_dim, latent_dim, seed=seed)
    x = pair.sample(3, seed=1)
    bounds = _bounds(pair, x, num_particles, 20_000)
    assert (z_scores(bounds, pair.iwae(x, num_particles)).abs() < 4.5).all()


def test_bias_and_variance_laws():
    """Gap -> Var R / 2K, and the variance to second order in 1/K."""
    pair, x = lg2()
    k, mu2, mu3 = 50, LG2["weight_variance"], LG2["weight_mu3"]
    bounds = _bounds(pair, x, k, 20_000)
    expected = mu2 / k - (mu3 - 2.5 * mu2**2) / k**2
    assert bounds.var().item() == pytest.approx(expected, rel=0.05)
    law = LG2["log_px"] - LG2["bias_law"][k] * mu2 / (2 * k)
    assert abs(z_scores(bounds, law)) < 4.5


@pytest.mark.parametrize("num_particles", GAMMA_BIAS)
@pytest.mark.parametrize("a", [1.0, 0.5])
def test_bias_with_gamma_weights(num_particles, a):
    """The weight of a draw is the draw itself: E log mean_K = digamma(a K) - log(a K)."""
    shape = torch.tensor(a).double()
    n = 100_000

    def guide():
        with pyro.plate("data", n):
            pyro.sample("w", dist.Gamma(shape, shape))

    def model():
        with pyro.plate("data", n):
            w = pyro.sample("w", dist.Gamma(shape, shape))
            pyro.factor("weight", w.log())

    bounds = IWAE(num_particles).per_datum(model, guide)
    exact = exact_gamma_bias(a, num_particles)
    assert abs(z_scores(bounds, exact)) < 4.5
    if a == 1:
        assert exact == pytest.approx(GAMMA_BIAS[num_particles], abs=1e-9)


@pytest.mark.parametrize("scale", UNDERDISPERSED)
@pytest.mark.parametrize("num_particles", [1, 10, 100])
def test_mean_where_the_weights_have_no_variance(scale, num_particles):
    pair, x = underdispersed(scale)
    truth = pair.log_px(x) - UNDERDISPERSED[scale][num_particles]
    bounds = _bounds(pair, x, num_particles, 400_000 // max(10, num_particles))
    assert abs(z_scores(bounds, truth.detach())) < 4.5


@pytest.mark.parametrize("num_particles", [1, 2, 10])
def test_gradient_is_unbiased(num_particles):
    pair, x = lg2()
    truth = gaussian_truth(pair, x, lambda x: pair.iwae(x, num_particles))
    stored = torch.tensor(LG2["grad_phi"][num_particles]).double()
    torch.testing.assert_close(truth[:4], stored, rtol=0, atol=1e-6)
    gradients = gaussian_copies(pair, x, 100_000).gradients(IWAE(num_particles))
    scores = z_scores(gradients, truth)
    assert (scores.abs() < 4.5).all(), scores


@pytest.mark.parametrize("num_particles", [1, 4])
def test_gradient_on_a_random_model(num_particles):
    pair = LinearGaussian.random(6, 3, seed=2)
    x = pair.sample(1, seed=3)
    gradients = gaussian_copies(pair, x, 50_000).gradients(IWAE(num_particles))
    scores = z_scores(gradients, gaussian_truth(pair, x, lambda x: pair.iwae(x, num_particles)))
    assert (scores.abs() < 4.5).all(), scores


def test_gradient_without_a_reparameterised_sampler():
    pair, x = lg2()
    copies = gaussian_copies(pair, x, 100_000, reparameterised=False)
    scores = z_scores(
        copies.gradients(IWAE(2)), gaussian_truth(pair, x, lambda x: pair.iwae(x, 2))
    )
    assert (scores.abs() < 4.5).all(), scores


class TestDiscrete:
    @pytest.mark.parametrize("num_particles", [1, 2, 3])
    def test_gradient_by_enumeration(self, num_particles):
        """The mean over all 8^K draws, with their probabilities, is the exact gradient."""
        pair, x = t15()
        draws = list(product(pair.states, repeat=num_particles))
        z = torch.stack([torch.stack(d) for d in draws], 1)  # [K, 8^K, L]
        copies = discrete_copies(pair, x, len(draws), z)
        q = dist.Bernoulli(logits=copies.leaves["logits"].detach())
        mass = q.log_prob(z).sum((0, -1)).exp()
        bounds = IWAE(num_particles).per_datum(copies.model, copies.guide, copies.x)
        value, gradient = t15_iwae_by_enumeration(num_particles)
        assert (mass @ bounds).item() == pytest.approx(value, abs=1e-12)
        mean = mass @ copies.gradients(IWAE(num_particles))
        torch.testing.assert_close(mean, torch.from_numpy(gradient), rtol=0, atol=1e-12)
        stored = torch.tensor(T15["grad_phi"][num_particles]).double()
        torch.testing.assert_close(mean, stored, rtol=0, atol=1e-7)

    def test_gradient_by_sampling_on_a_random_model(self):
        pair = DiscreteLatent.random(data_dim=5, latent_dim=2, seed=4)
        x = pair.sample(1, seed=1)
        (truth,) = torch.autograd.grad(pair.iwae(x, 3).sum(), [pair.encoder.loc])
        scores = z_scores(discrete_copies(pair, x, 50_000).gradients(IWAE(3)), truth)
        assert (scores.abs() < 4.5).all(), scores


def test_effective_sample_size_of_its_weights():
    pair, x = lg2()
    p = IWAE(20_000).draw(pair.model, pair.guide, x.expand(20, -1))
    share = effective_sample_size(p.log_w) / p.num_particles
    assert abs(z_scores(share, LG2["ess"])) < 4.5


class TestScale:
    """Whatever multiplies a pair stays outside the logarithm."""

    @pytest.mark.parametrize("factor", [0.01, 12.0])
    def test_around_a_pair(self, factor):
        pair, x = lg2()
        scaled = [poutine.scale(f, scale=factor) for f in (pair.model, pair.guide)]
        losses = []
        for model, guide in ((pair.model, pair.guide), scaled):
            pyro.set_rng_seed(3)
            losses.append(IWAE(50).loss(model, guide, x.expand(7, -1)))
        torch.testing.assert_close(losses[1], factor * losses[0], rtol=1e-12, atol=0)

    def test_pyros_own_turns_into_the_elbo(self):
        """The flaw that the test above guards against: a small scale undoes the log-mean-exp."""
        pair, x = lg2()
        model, guide = (poutine.scale(f, scale=0.01) for f in (pair.model, pair.guide))
        copies = x.expand(2000, -1)
        theirs = RenyiELBO(alpha=0, num_particles=50, vectorize_particles=True).loss(
            model, guide, copies
        )
        per_datum = -theirs / 0.01 / len(copies)
        assert per_datum == pytest.approx(LG2["elbo"], abs=0.02)
        assert per_datum < LG2["iwae"][50] - 0.2

    def test_subsampled_plate(self):
        """Ten data, five at a time: the mean is the bound over all ten, not above log p(X)."""
        zero, one = torch.zeros(1).double(), torch.ones(1).double()
        exact = LinearGaussian(
            one[None], zero, 1.0, q_loc=0.3 * one, q_scale=0.9 * one, q_weight=0.5 * one[None]
        )
        x = torch.linspace(-2, 2, 10).double()

        def model(x, size=5):
            with pyro.plate("data", 10, subsample_size=size) as rows:
                z = pyro.sample("z", dist.Normal(zero.squeeze(), 1.0))
                pyro.sample("x", dist.Normal(z, 1.0), obs=x[rows])

        def guide(x, size=5):
            with pyro.plate("data", 10, subsample_size=size) as rows:
                pyro.sample("z", dist.Normal(0.5 * x[rows] + 0.3, 0.9))

        truth = exact.iwae(x[:, None], 50).sum().item()
        evidence = exact.log_px(x[:, None]).sum().item()
        assert truth < evidence
        ours, theirs = IWAE(50), RenyiELBO(alpha=0, num_particles=50, vectorize_particles=True)
        values = torch.stack([-ours.loss(model, guide, x) for _ in range(600)])
        assert abs(z_scores(values, truth)) < 4.5
        whole = torch.stack([-ours.loss(model, guide, x, 10) for _ in range(200)])
        assert abs(z_scores(whole, truth)) < 4.5
        # Pyro's raises the weights to the power of two: it claims more than the evidence.
        stock = torch.tensor([-theirs.loss(model, guide, x) for _ in range(300)])
        assert z_scores(stock, evidence) > 4.5


@pytest.mark.parametrize("style", ["param_functions", "module_functions", "pyro_module"])
def test_equals_pyros_own_at_one_seed(style):
    """Where one vectorised plate encloses every site and nothing is scaled, Pyro is right."""
    pair = STYLES[style](torch.float64)
    call = (pair.model, pair.guide, *pair.args)
    leaves = trainable(*call)
    theirs = RenyiELBO(alpha=0, num_particles=5, vectorize_particles=True, max_plate_nesting=1)
    found = []
    for objective in (IWAE(5, max_plate_nesting=1), theirs):
        pyro.set_rng_seed(7)
        loss = float(objective.loss_and_grads(*call))
        found.append((loss, {n: leaf.grad.clone() for n, leaf in leaves.items()}))
        for leaf in leaves.values():
            leaf.grad = None
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-12)
    for name in leaves:
        torch.testing.assert_close(found[0][1][name], found[1][1][name], rtol=1e-10, atol=1e-12)


def test_one_particle_is_the_elbo():
    pair = STYLES["hierarchy"](torch.float64)
    losses = []
    for objective in (IWAE(1), ELBO(1)):
        pyro.set_rng_seed(3)
        losses.append(objective.loss(pair.model, pair.guide, *pair.args))
    assert losses[0] == losses[1]


def test_a_weight_of_zero_counts_as_one_particle():
    """A draw outside the support of the model is one of the K, with weight zero."""
    value = torch.tensor([0.0, -torch.inf])

    def guide():
        with pyro.plate("data", 3):
            pyro.sample("k", dist.Bernoulli(torch.tensor(0.5)))

    def model():
        with pyro.plate("data", 3):
            k = pyro.sample("k", dist.Bernoulli(torch.tensor(0.5)))
            pyro.factor("only_zero", value[k.long()])

    p = IWAE(40).draw(model, guide)
    share = (p.latents["k"] == 0).double().mean(0)
    torch.testing.assert_close(IWAE(40).bound(p).double(), share.log(), rtol=1e-6, atol=1e-6)
