"""Stratified bounds against expectations by quadrature, and against their plain counterparts."""

import pyro
import pyro.distributions as dist
import pytest
import torch

from pyrovae.distributions.normal_mixture import NormalMixture
from pyrovae.errors import ConfigError, PlateError, ShapeError
from pyrovae.objectives import ELBO, IWAE, StratifiedELBO, StratifiedIWAE
from tests.oracles import z_scores

DATA = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64)
LOCS = torch.tensor([[1.0, 0.4], [-1.1, 0.2]], dtype=torch.float64)
SCALES = torch.tensor([[0.4, 0.7], [0.5, 0.9]], dtype=torch.float64)
LOGITS = torch.tensor([0.3, -0.4], dtype=torch.float64)


def model(x):
    """Two modes: x tells z_1 by its size alone."""
    with pyro.plate("data", len(x)):
        z = pyro.sample("z", dist.Normal(x.new_zeros(2), 1.0).to_event(1))
        pyro.sample("x", dist.Normal(z[..., 0] ** 2 + 0.3 * z[..., 1], 0.6), obs=x)


def parameters():
    return [pyro.param(n, t.clone) for n, t in
            (("locs", LOCS), ("scales", SCALES), ("logits", LOGITS))]  # fmt: skip


def guide(x):
    locs, scales, logits = parameters()
    with pyro.plate("data", len(x)):
        pyro.sample("z", NormalMixture(locs, scales, logits))


def values_of(objective, num_draws, guide=guide):
    """So many independent values for each datum [num_draws, N], from one call."""
    bounds = objective.per_datum(model, guide, DATA.repeat(num_draws))
    return bounds.reshape(num_draws, len(DATA))


def exact_elbo():
    """By quadrature on a grid [N]; differentiable in the guide's parameters."""
    line = torch.linspace(-8, 8, 801, dtype=torch.float64)
    z = torch.cartesian_prod(line, line)
    with pyro.validation_enabled(False):
        q = NormalMixture(*parameters())
    log_q = q.log_prob(z)
    log_prior = dist.Normal(torch.zeros(2).double(), 1.0).to_event(1).log_prob(z)
    log_lik = dist.Normal(z[:, 0] ** 2 + 0.3 * z[:, 1], 0.6).log_prob(DATA[:, None])
    area = (line[1] - line[0]) ** 2
    return (log_q.exp() * (log_prior + log_lik - log_q)).sum(-1) * area


def test_value_is_the_elbo():
    pyro.clear_param_store()
    pyro.set_rng_seed(0)
    values = values_of(StratifiedELBO(num_particles=8), 20_000)
    assert (z_scores(values, exact_elbo()).abs() < 4.5).all()


def test_gradient_is_the_elbos():
    pyro.clear_param_store()
    exact_elbo().sum().backward()
    leaves = [p.unconstrained() for p in map(pyro.param, ("locs", "scales", "logits"))]
    exact = [-leaf.grad.clone() for leaf in leaves]
    pyro.set_rng_seed(0)
    objective = StratifiedELBO(num_particles=8)
    draws = [
        torch.autograd.grad(objective.differentiable_loss(model, guide, DATA), leaves)
        for _ in range(400)
    ]
    for each, truth in zip(zip(*draws, strict=True), exact, strict=True):
        assert (z_scores(torch.stack(each), truth).abs() < 4.5).all()


def test_less_noise_by_what_lies_between_the_components():
    """Var(ELBO_K) - Var(stratified) is the variance of the components' means over K."""

    def uneven(x):
        locs = LOCS + torch.tensor([[0.0, 0.0], [0.5, 0.0]])
        with pyro.plate("data", len(x)):
            pyro.sample("z", NormalMixture(locs, SCALES, 0 * LOGITS))

    pyro.set_rng_seed(0)
    many = DATA.repeat(100_000)
    log_w = StratifiedELBO(2).draw(model, uneven, many).log_w.reshape(2, -1, len(DATA)).mean(1)
    between = (log_w[0] - log_w[1]).square() / 4 / 2
    assert (between > 0.05).all()  # nats squared
    spread = [values_of(k(2), 100_000, uneven).var(0) for k in (ELBO, StratifiedELBO)]
    torch.testing.assert_close(spread[0] - spread[1], between, rtol=0.3, atol=0.0)


def test_bounds_are_in_order():
    """ELBO <= SIWAE with one particle a component <= SIWAE with many <= log p(x)."""
    pyro.clear_param_store()
    pyro.set_rng_seed(0)
    means = [exact_elbo()]
    means += [values_of(StratifiedIWAE(count), 5000).mean(0) for count in (2, 64)]
    means.append(values_of(IWAE(20_000), 5).mean(0))
    for lower, upper in zip(means, means[1:], strict=False):
        assert (lower < upper).all(), means


def test_weights_are_unbiased():
    """The mean of exp of the bound is p(x), whatever the number of particles."""
    pyro.clear_param_store()
    pyro.set_rng_seed(0)
    weights = values_of(StratifiedIWAE(2), 50_000).exp()
    truth = IWAE(400_000).per_datum(model, guide, DATA).exp()
    assert (z_scores(weights, truth).abs() < 4.5).all()


@pytest.mark.parametrize("kind", [StratifiedELBO, StratifiedIWAE])
class TestRefusals:
    def test_particles_must_fill_the_components(self, kind):
        with pytest.raises(ShapeError, match="multiple of 2"):
            kind(3).per_datum(model, guide, DATA)

    @pytest.mark.parametrize("make", [lambda o: o.in_chunks(2), lambda o: o])
    def test_one_by_one(self, kind, make):
        vectorize = make(kind(4)).particle_chunk is not None
        objective = make(kind(4, vectorize_particles=vectorize))
        with pytest.raises(ConfigError, match="'z' along their axis"):
            objective.per_datum(model, guide, DATA)

    def test_a_mixture_inside_a_further_plate(self, kind):
        def inner(x):
            with pyro.plate("data", len(x), dim=-1):
                with pyro.plate("inner", 3, dim=-2):
                    pyro.sample("z", NormalMixture(LOCS, SCALES, LOGITS))

        def nested(x):
            with pyro.plate("data", len(x), dim=-1):
                with pyro.plate("inner", 3, dim=-2):
                    z = pyro.sample("z", dist.Normal(x.new_zeros(2), 1.0).to_event(1))
                pyro.sample("x", dist.Normal(z[..., 0].sum(-2, keepdim=True), 1.0), obs=x)

        with pytest.raises(PlateError, match="once per datum"):
            kind(4).per_datum(nested, inner, DATA)
