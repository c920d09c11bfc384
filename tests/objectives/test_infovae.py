"""The distance of q(z) and p(z): by brute force, by closed form, and zero where they agree."""

import math
from functools import partial

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch

from pyrovae.data import LinearGaussian
from pyrovae.errors import ConfigError, SiteError
from pyrovae.models import (
    VAE,
    VQVAE,
    FlowPosterior,
    FlowPrior,
    MixturePosterior,
    MixturePrior,
    MixtureVAE,
    NormalPrior,
    VampPrior,
)
from pyrovae.nn import MLP
from pyrovae.nn import Normal as NormalHead
from pyrovae.objectives import ELBO, InfoVAE
from pyrovae.objectives.infovae import squared_mmd
from tests.objectives.copies import _NotReparameterised
from tests.oracles import z_scores
from tests.pairs import STYLES

KERNELS = {
    "imq": lambda r, c: c / (c + r),
    "rbf": lambda r, c: math.exp(-r / c),
}


def by_hand(x, y, kernel, widths):
    """Three sums over pairs, one pair after the other."""

    def k(a, b):
        r = float(((a - b) ** 2).sum())
        return np.mean([KERNELS[kernel](r, 2 * len(a) * w**2) for w in widths])

    n, m = len(x), len(y)
    found = sum(k(x[i], x[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    found += sum(k(y[i], y[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    return found - 2 * sum(k(a, b) for a in x for b in y) / (n * m)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("widths", [(1.0,), (0.3, 2.0)])
def test_the_estimate_by_brute_force(kernel, widths):
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(2, 5, 3, generator=rng).double()
    y = torch.randn(2, 4, 3, generator=rng).double() + 0.5
    found = squared_mmd(x, y, InfoVAE(kernel=kernel, widths=widths).kernel_of)
    expected = [by_hand(a.numpy(), b.numpy(), kernel, widths) for a, b in zip(x, y, strict=True)]
    torch.testing.assert_close(found, torch.tensor(expected))


def gaussian_mmd(mean, variance, dims, width):
    """Of N(mean, variance) and N(0, 1) in every dimension, by the rbf kernel, in closed form."""
    c = 2 * dims * width**2

    def expected(m, v):  # E exp(-r^2/c), r ~ N(m, v) by dimension
        return ((1 + 2 * v / c) ** -0.5 * math.exp(-(m**2) / (c + 2 * v))) ** dims

    return expected(0, 2 * variance) + expected(0, 2.0) - 2 * expected(mean, variance + 1)


@pytest.mark.parametrize(("mean", "variance"), [(0.0, 1.0), (0.4, 1.0), (0.0, 0.5)])
def test_it_is_unbiased_and_zero_of_equal_distributions(mean, variance):
    rng = torch.Generator().manual_seed(1)
    x = mean + variance**0.5 * torch.randn(20_000, 6, 2, generator=rng).double()
    y = torch.randn(20_000, 6, 2, generator=rng).double()
    found = squared_mmd(x, y, InfoVAE(kernel="rbf").kernel_of)
    truth = gaussian_mmd(mean, variance, 2, 1.0)
    assert abs(z_scores(found, truth)) < 4.5
    assert (truth == pytest.approx(0, abs=1e-12)) == (mean == 0 and variance == 1)


def value(objective, pair, x, seed=5):
    pyro.set_rng_seed(seed)
    return objective.per_datum(pair.model, pair.guide, x)


@pytest.mark.parametrize("vectorize", [True, False])
def test_the_bound_by_hand(vectorize):
    pair = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
    x = pair.sample(4, seed=1)
    objective = InfoVAE(0.3, 5.0, 2, vectorize_particles=vectorize)
    pyro.set_rng_seed(2)
    p = objective.draw(pair.model, pair.guide, x)
    state = torch.get_rng_state()
    found = objective.bound(p)
    torch.set_rng_state(state)
    sizes = [(2, 4, 2)] if vectorize else [(1, 4, 2)] * 2
    fresh = torch.cat([torch.randn(size, dtype=torch.float64) for size in sizes])
    mmd = np.mean(
        [
            by_hand(z.detach().numpy(), y.numpy(), "imq", (1.0,))
            for z, y in zip(p.latents["z"], fresh, strict=True)
        ]
    )
    torch.testing.assert_close(found, p.log_lik.mean(0) - 0.7 * pair.kl(x) - 4.3 * mmd)


def test_its_corners():
    pair = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
    x = pair.sample(4, seed=1)
    elbo = value(ELBO(2, closed_form_kl=True), pair, x)
    torch.testing.assert_close(value(InfoVAE(0.0, 1.0, 2), pair, x), elbo)
    torch.testing.assert_close(value(InfoVAE(1.0, 0.0, 2), pair, x), elbo + pair.kl(x))
    one = value(InfoVAE(0.0, 50.0), pair, x[:1])  # one draw of each has no distance
    torch.testing.assert_close(one, value(ELBO(closed_form_kl=True), pair, x[:1]))


def test_the_gradient_of_discrete_latents():
    """The distance couples the batch: the score of a draw answers for all of it."""
    rate = torch.tensor([0.3, 0.8]).double().requires_grad_()
    size = 4

    def model(x):
        with pyro.plate("data", size):
            pyro.sample("z", dist.Bernoulli(x.new_full((2,), 0.5)).to_event(1))
            pyro.sample("x", dist.Normal(0.0, 1.0), obs=x)

    def guide(x):
        with pyro.plate("data", size):
            pyro.sample("z", dist.Bernoulli(rate).to_event(1))

    objective = InfoVAE(1.0, 10.0, 1, kernel="rbf")
    pyro.set_rng_seed(0)
    grads = []
    for _ in range(3000):
        loss = objective.differentiable_loss(model, guide, torch.zeros(size).double())
        grads.append(torch.autograd.grad(loss, [rate])[0])
    # The mean of the kernel over all pairs of states, of which there are four.
    states = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * 2).double()
    q = dist.Bernoulli(rate).to_event(1).log_prob(states).exp()
    difference = q - 0.25
    truth = size * 10 * difference @ objective.kernel_of(states, states) @ difference
    (exact,) = torch.autograd.grad(truth, [rate])
    assert (z_scores(torch.stack(grads), exact).abs() < 4.5).all()


@pytest.mark.parametrize("normal", [dist.Normal, _NotReparameterised])
def test_a_learned_prior_follows_the_distance(normal):
    """By its draws, or by their score: the mean gradient is that of the closed form."""
    loc = torch.tensor(0.4).double().requires_grad_()

    def model(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", normal(loc.expand(2), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(0.0, 1.0), obs=x)

    def guide(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(x.new_zeros(2), 1.0).to_event(1))

    objective = InfoVAE(1.0, 3.0, 50, kernel="rbf")
    pyro.set_rng_seed(0)
    grads = []
    for _ in range(300):
        loss = objective.differentiable_loss(model, guide, torch.zeros(4).double())
        grads.append(torch.autograd.grad(loss, [loc])[0])
    step = 1e-5
    up, down = (gaussian_mmd(0.4 + s * step, 1.0, 2, 1.0) for s in (1, -1))
    exact = 4 * 3 * (up - down) / (2 * step)
    assert abs(z_scores(torch.stack(grads), exact)) < 4.5


@pytest.mark.parametrize("prior", [NormalPrior, MixturePrior, VampPrior, FlowPrior])
@pytest.mark.parametrize("posterior", [None, FlowPosterior, MixturePosterior])
def test_any_prior_that_can_be_drawn_and_any_guide(prior, posterior):
    options = {} if posterior is None else {"posterior": posterior}
    net = partial(MLP, hidden=(6,))
    if prior in (MixturePrior, VampPrior):
        prior = partial(prior, num_components=3)
    vae = VAE(
        (4,), 2, likelihood=NormalHead(0.7), encoder=net, decoder=net, prior=prior, **options
    )
    x = torch.randn(6, 4)
    InfoVAE(1.0, 10.0, 2)(vae.model, vae.guide)(x).backward()
    grads = [p.grad for p in vae.prior.parameters()]
    assert all(g is not None and g.isfinite().all() and g.any() for g in grads)


def test_a_deterministic_encoder():
    weight = torch.full((2, 3), 0.3).requires_grad_()

    def model(x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(2), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(z @ weight, 1.0).to_event(1), obs=x)

    def guide(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Delta(x @ weight.T, event_dim=1))

    x = torch.randn(6, 3)
    InfoVAE(alpha=1.0)(model, guide)(x).backward()
    assert weight.grad.isfinite().all() and weight.grad.any()


def test_the_latent_is_the_one_with_a_prior_of_its_own():
    pair = STYLES["hierarchy"](torch.float64)
    by_default, named = (InfoVAE(0.5, 9.0, 2, site=site) for site in (None, "z2"))
    torch.testing.assert_close(value(by_default, pair, *pair.args), value(named, pair, *pair.args))
    with pytest.raises(SiteError, match="prior of 'z1', and the model draws 'z2' before it"):
        value(InfoVAE(site="z1"), pair, *pair.args)


def test_classes_have_no_distance():
    """Of a mixture and of codes the first latent is a number without meaning."""
    x = torch.zeros(4, 3)
    for pair, name in ((MixtureVAE((3,), 2, 2), "c"), (VQVAE((3,), (2,)), "codes")):
        pyro.clear_param_store()
        for site in (None, "z"):
            with pytest.raises(SiteError, match=f"draws '{name}' before it.* no distance"):
                InfoVAE(site=site).per_datum(pair.model, pair.guide, x)


def test_it_says_when_it_is_a_bound():
    assert InfoVAE(0.0, 100.0).is_lower_bound
    assert not InfoVAE(0.1, 100.0).is_lower_bound


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"alpha": 1.5}, "neither may be negative"),
        ({"alpha": 0.2, "lam": 0.5}, "neither may be negative"),
        ({"lam": math.inf}, "lam=inf"),
        ({"kernel": "linear"}, "kernel='linear'"),
        ({"widths": ()}, "widths"),
        ({"widths": (1.0, 0.0)}, "widths"),
    ],
)
def test_bad_options(options, words):
    with pytest.raises(ConfigError, match=words):
        InfoVAE(**options)
