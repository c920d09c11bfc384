"""The ELBO against closed forms, by enumeration, and against Pyro's own."""

import math
from functools import partial
from itertools import product

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import Trace_ELBO, TraceMeanField_ELBO

from pyrovae.data import DiscreteLatent, LinearGaussian
from pyrovae.errors import SiteError
from pyrovae.objectives import ELBO
from pyrovae.particles.parameters import trainable
from tests.objectives.copies import discrete_copies, gaussian_copies, gaussian_truth
from tests.oracles import LG2, T15, lg2, t15, z_scores
from tests.pairs import STYLES

RANDOM = [(3, 1, 0), (7, 4, 1)]


def _bounds(objective, pair, x, copies):
    """`copies` independent bounds for each row of x [copies, B]."""
    many = x.repeat(copies, 1)
    return objective.per_datum(pair.model, pair.guide, many).reshape(copies, len(x))


@pytest.mark.parametrize("num_particles", [1, 4])
@pytest.mark.parametrize("closed_form_kl", [False, True])
def test_mean_is_the_closed_form(num_particles, closed_form_kl):
    pair, x = lg2()
    objective = ELBO(num_particles, closed_form_kl=closed_form_kl)
    assert abs(z_scores(_bounds(objective, pair, x, 100_000), LG2["elbo"])) < 4.5


@pytest.mark.parametrize("closed_form_kl", [False, True])
@pytest.mark.parametrize("data_dim,latent_dim,seed", RANDOM)
def test_mean_on_random_models(data_dim, latent_dim, seed, closed_form_kl):
    pair = LinearGaussian.random(data_dim, latent_dim, seed=seed)
    x = pair.sample(3, seed=1)
    bounds = _bounds(ELBO(2, closed_form_kl=closed_form_kl), pair, x, 20_000)
    assert (z_scores(bounds, pair.elbo(x)).abs() < 4.5).all()


def test_closed_form_kl_samples_only_the_reconstruction():
    """Each value is log p(x|z) - KL exactly: the prior's and the guide's noise are gone."""
    pair, x = lg2()
    objective = ELBO(3, closed_form_kl=True)
    p = objective.draw(pair.model, pair.guide, x.expand(50, -1))
    kl = p.log_lik.mean(0) - objective.bound(p)
    torch.testing.assert_close(kl, torch.full_like(kl, LG2["kl"]), rtol=0, atol=1e-8)


@pytest.mark.parametrize("closed_form_kl", [False, True])
@pytest.mark.parametrize("num_particles", [1, 3])
def test_gradient_is_unbiased(num_particles, closed_form_kl):
    pair, x = lg2()
    truth = gaussian_truth(pair, x, pair.elbo)
    torch.testing.assert_close(
        truth, torch.tensor([*LG2["grad_phi"][1], *LG2["grad_bias_elbo"]]).double(), rtol=1e-6,
        atol=1e-8,
    )  # fmt: skip
    copies = gaussian_copies(pair, x, 100_000)
    gradients = copies.gradients(ELBO(num_particles, closed_form_kl=closed_form_kl))
    scores = z_scores(gradients, truth)
    assert (scores.abs() < 4.5).all(), scores


def test_gradient_covariance():
    """Of the guide's mean: Lambda Sigma Lambda sampled, (Lambda - 1) Sigma (Lambda - 1) else."""
    pair, x = lg2()
    precision = torch.tensor(LG2["posterior_precision"]).double()
    sigma = torch.diag(pair.encoder.log_scale.detach().exp() ** 2)
    for closed_form_kl, matrix in ((False, precision), (True, precision - torch.eye(2))):
        copies = gaussian_copies(pair, x, 200_000)
        gradients = copies.gradients(ELBO(closed_form_kl=closed_form_kl))[:, :2]
        expected = matrix @ sigma @ matrix
        torch.testing.assert_close(gradients.T.cov(), expected, rtol=0.02, atol=0.05)


@pytest.mark.parametrize("closed_form_kl", [False, True])
def test_gradient_without_a_reparameterised_sampler(closed_form_kl):
    """The score function on a continuous guide reaches the same gradient."""
    pair, x = lg2()
    copies = gaussian_copies(pair, x, 100_000, reparameterised=False)
    gradients = copies.gradients(ELBO(2, closed_form_kl=closed_form_kl))
    scores = z_scores(gradients, gaussian_truth(pair, x, pair.elbo))
    assert (scores.abs() < 4.5).all(), scores


class TestDiscrete:
    def test_mean(self):
        pair, x = t15()
        for closed_form_kl in (False, True):
            bounds = _bounds(ELBO(2, closed_form_kl=closed_form_kl), pair, x, 50_000)
            assert abs(z_scores(bounds, T15["iwae"][1])) < 4.5

    @pytest.mark.parametrize("num_particles", [1, 2])
    @pytest.mark.parametrize("closed_form_kl", [False, True])
    def test_gradient_by_enumeration(self, num_particles, closed_form_kl):
        """The mean over all 8^K draws, with their probabilities, is the exact gradient."""
        mean, _ = _moments_by_enumeration(ELBO(num_particles, closed_form_kl=closed_form_kl))
        torch.testing.assert_close(mean, torch.tensor(T15["grad_phi"][1]).double(), rtol=0,
                                   atol=1e-8)  # fmt: skip

    def test_variance_with_one_particle_is_that_of_reinforce(self):
        _, variance = _moments_by_enumeration(ELBO())
        expected = torch.tensor([2.940, 3.427, 3.182]).double()
        torch.testing.assert_close(variance, expected, rtol=0, atol=1e-3)

    def test_leave_one_out_credit_lowers_the_variance(self):
        """Two particles alone would halve it; each as the other's baseline, it falls by 3."""
        _, alone = _moments_by_enumeration(ELBO())
        _, paired = _moments_by_enumeration(ELBO(2))
        assert (paired < alone / 3).all(), (alone, paired)

    def test_gradient_by_sampling_on_a_random_model(self):
        pair = DiscreteLatent.random(data_dim=5, latent_dim=2, seed=4)
        x = pair.sample(1, seed=1)
        (truth,) = torch.autograd.grad(pair.elbo(x).sum(), [pair.encoder.loc])
        for num_particles in (1, 3):
            gradients = discrete_copies(pair, x, 50_000).gradients(ELBO(num_particles))
            scores = z_scores(gradients, truth)
            assert (scores.abs() < 4.5).all(), scores


def _moments_by_enumeration(objective):
    pair, x = t15()
    draws = list(product(pair.states, repeat=objective.num_particles))
    z = torch.stack([torch.stack(d) for d in draws], 1)  # [K, 8^K, L]
    copies = discrete_copies(pair, x, len(draws), z)
    mass = dist.Bernoulli(logits=copies.leaves["logits"]).log_prob(z).sum((0, -1)).exp().detach()
    gradients = copies.gradients(objective)
    mean = mass @ gradients
    return mean, mass @ gradients**2 - mean**2


def test_latents_of_both_kinds_in_one_guide():
    """A reparameterised draw feeds the logits of a discrete one: both gradients are exact."""
    n = 100_000
    shift, x = torch.full((n,), 0.4).double().requires_grad_(), torch.tensor(0.7).double()

    def model(_):
        with pyro.plate("data", n):
            a = pyro.sample("a", dist.Normal(torch.zeros(()).double(), 1.0))
            b = pyro.sample("b", dist.Bernoulli(torch.tensor(0.3).double()))
            pyro.sample("x", dist.Normal(a * (1 + b), 1.0), obs=x)

    def guide(_):
        with pyro.plate("data", n):
            a = pyro.sample("a", dist.Normal(shift, 0.5))
            pyro.sample("b", dist.Bernoulli(logits=2 * a))

    nodes, weights = (torch.from_numpy(t) for t in np.polynomial.hermite_e.hermegauss(60))
    one = torch.tensor(0.4).double().requires_grad_()
    a, b = one + 0.5 * nodes, torch.tensor([[0.0], [1.0]]).double()
    q = torch.stack([torch.sigmoid(-2 * a), torch.sigmoid(2 * a)])  # [2, nodes]
    log_prior = dist.Normal(0.0, 1.0).log_prob(a) + torch.tensor([[0.7], [0.3]]).double().log()
    log_lik = dist.Normal(a * (1 + b), 1.0).log_prob(x)
    log_w = log_prior + log_lik - dist.Normal(one, 0.5).log_prob(a) - q.log()
    exact = (q * log_w).sum(0) @ weights / weights.sum()
    (truth,) = torch.autograd.grad(exact, [one])

    loss = ELBO(2).differentiable_loss(model, guide, x)
    assert abs(z_scores(torch.autograd.grad(-loss, [shift])[0], truth)) < 4.5


def test_a_factor_in_the_guide_says_how_it_was_drawn():
    """`has_rsample=False` calls for the score function, whoever drew the value."""
    n = 100_000
    logits = torch.full((n,), 0.3).double().requires_grad_()
    x = torch.tensor(2.0).double()

    def model(_):
        with pyro.plate("data", n):
            z = pyro.sample("z", dist.Bernoulli(torch.tensor(0.5).double()))
            pyro.sample("x", dist.Normal(z, 1.0), obs=x)

    def guide(_, **how):
        with pyro.plate("data", n):
            q = dist.Bernoulli(logits=logits)
            drawn = q.sample()
            pyro.factor("density", q.log_prob(drawn), **how)
            pyro.sample("z", dist.Delta(drawn))

    said = partial(guide, has_rsample=False)
    (gradient,) = torch.autograd.grad(-ELBO().differentiable_loss(model, said, None), [logits])
    one = torch.tensor(0.3).double().requires_grad_()
    q = torch.stack([torch.sigmoid(-one), torch.sigmoid(one)])
    log_joint = dist.Normal(torch.tensor([0.0, 1.0]).double(), 1.0).log_prob(x) + math.log(0.5)
    (truth,) = torch.autograd.grad((q * (log_joint - q.log())).sum(), [one])
    assert abs(z_scores(gradient, truth)) < 4.5
    with pytest.raises(SiteError, match="density.*has_rsample=False"):
        ELBO().loss(model, guide, None)


@pytest.mark.parametrize("full", [False, True], ids=["diagonal", "full"])
def test_fitting_a_guide_reaches_the_optimum_of_its_family(full):
    pair, x = lg2()
    weight, bias, variance = (t.detach() for t in pair._likelihood())
    eye = torch.eye(2).double()
    start = {"q_scale_tril": eye} if full else {"q_scale": eye.diagonal()}
    sigma = float(variance) ** 0.5
    pair = LinearGaussian(weight, bias, sigma, q_loc=torch.zeros(2).double(), **start)
    objective, copies, steps = ELBO(), x.expand(500, -1), 600
    optimizer = torch.optim.Adam(pair.encoder.parameters(), lr=0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        optimizer.zero_grad()
        objective.differentiable_loss(pair.model, pair.guide, copies).backward()
        optimizer.step()
        schedule.step()
    best = LG2["log_px"] if full else LG2["best_mean_field_elbo"]
    reached = pair.elbo(x).item()
    assert best - 1e-4 < reached < best + 1e-9


@pytest.mark.parametrize("closed_form_kl", [False, True])
@pytest.mark.parametrize("style", ["param_functions", "module_functions", "pyro_module"])
def test_equals_pyros_own_at_one_seed(style, closed_form_kl):
    pair = STYLES[style](torch.float64)
    call = (pair.model, pair.guide, *pair.args)
    leaves = trainable(*call)
    theirs = TraceMeanField_ELBO() if closed_form_kl else Trace_ELBO()
    found = []
    for objective in (ELBO(closed_form_kl=closed_form_kl), theirs):
        pyro.set_rng_seed(7)
        loss = float(objective.loss_and_grads(*call))
        found.append((loss, {n: leaf.grad.clone() for n, leaf in leaves.items()}))
        for leaf in leaves.values():
            leaf.grad = None
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-12)
    for name in leaves:
        torch.testing.assert_close(found[0][1][name], found[1][1][name], rtol=1e-10, atol=1e-12)
