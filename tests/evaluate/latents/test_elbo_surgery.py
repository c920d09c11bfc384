"""The cut of the KL against closed forms, quadrature, and the guide's own densities."""

import math

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch.distributions import MultivariateNormal, kl_divergence

from pyrovae.data.synthetic import DiscreteLatent, LinearGaussian
from pyrovae.errors import SiteError
from pyrovae.evaluate import elbo_parts, elbo_surgery
from tests.oracles import t15
from tests.pairs import STYLES


def line(loc, scale):
    """A pair in one dimension whose posteriors are N(loc_n, scale), whatever the model."""

    def model(x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(()), 1.3))
            pyro.sample("x", dist.Normal(z, 1.0), obs=x)

    def guide(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(x, scale))

    return model, guide, loc


@pytest.mark.parametrize("scale", [0.1, 0.4, 2.0])
@pytest.mark.parametrize("chunk", [None, 9])
def test_few_data_by_quadrature(scale, chunk):
    model, guide, x = line(torch.tensor([-1.0, 0.2, 0.5, 2.0]).double(), scale)
    draws = 60 if chunk else 20_000
    found = elbo_surgery(model, guide, x, num_particles=draws, chunk=chunk, seed=0)
    grid = torch.linspace(-20, 20, 40_001, dtype=torch.float64)
    each = dist.Normal(x, scale).log_prob(grid[:, None])  # [G, N]
    log_q, log_p = each.logsumexp(1) - math.log(4), dist.Normal(0.0, 1.3).log_prob(grid)
    exact = {
        "kl": (each.exp() * (each - log_p[:, None])).mean(1),
        "mutual_information": (each.exp() * (each - log_q[:, None])).mean(1),
        "marginal_kl": log_q.exp() * (log_q - log_p),
    }
    for name, integrand in exact.items():
        truth = integrand.sum().item() * 1e-3
        error = found.monte_carlo_errors[name]
        assert abs(found.means()[name] - truth) < 4.5 * error + 1e-9, name
    assert found.means()["mutual_information"] <= found.limit == math.log(4)
    if scale == 0.1:
        assert found.means()["mutual_information"] == pytest.approx(found.limit, abs=0.2)


def test_many_data_of_a_linear_gaussian_pair():
    """q(z) is a Gaussian then, but for the bias of N data, which has the stated sign."""
    oracle = LinearGaussian.random(data_dim=3, latent_dim=1, seed=0)
    x = oracle.sample(1500, seed=1)
    found = elbo_surgery(oracle.model, oracle.guide, x, num_particles=2, seed=2)
    weight, bias, variance = (t.detach() for t in oracle._likelihood())
    gain = oracle.encoder.affine(torch.eye(3).double()) - oracle.encoder.affine(
        torch.zeros(1, 3).double()
    )
    gain = gain.T.detach()  # [L, D]
    spread = (2 * oracle.encoder.log_scale.detach()).exp().diag()
    of_x = weight @ weight.T + variance * torch.eye(3).double()
    aggregate = MultivariateNormal(
        oracle.encoder.affine(bias[None])[0].detach(), gain @ of_x @ gain.T + spread
    )
    prior = MultivariateNormal(torch.zeros(1).double(), torch.eye(1).double())
    information = 0.5 * torch.logdet(aggregate.covariance_matrix @ spread.inverse()).item()
    marginal = kl_divergence(aggregate, prior).item()
    means, errors = found.means(), found.standard_errors
    assert abs(means["mutual_information"] - information) < 4.5 * errors["mutual_information"]
    assert abs(means["marginal_kl"] - marginal) < 4.5 * errors["marginal_kl"]
    exact = oracle.kl(x).mean().item()
    assert abs(means["kl"] - exact) < 4.5 * found.monte_carlo_errors["kl"]


def test_the_bias_of_few_data_has_the_stated_sign():
    oracle = LinearGaussian.random(data_dim=3, latent_dim=2, seed=0)
    x, found = oracle.sample(1000, seed=1), []
    for size in (10, 100, 1000):
        means = [
            elbo_surgery(
                oracle.model, oracle.guide, some, num_particles=2000 // size, seed=2
            ).means()
            for some in x.split(size)[:10]
        ]
        found.append({name: sum(m[name] for m in means) / len(means) for name in means[0]})
    for smaller, larger in zip(found, found[1:], strict=False):
        assert smaller["mutual_information"] < larger["mutual_information"]
        assert smaller["marginal_kl"] > larger["marginal_kl"]


def test_of_discrete_latents_by_enumeration():
    pair, x = t15()
    x = torch.cat([x, 1 - x, x.flip(-1)])
    found = elbo_surgery(pair.model, pair.guide, x, num_particles=20_000, seed=0)
    states = torch.cartesian_prod(*[torch.arange(2.0).double()] * 3)
    q = dist.Bernoulli(logits=pair.encoder.affine(x)).to_event(1)
    each = q.log_prob(states[:, None]).detach()  # [8, 3]
    log_q = each.logsumexp(1) - math.log(3)
    log_p = dist.Bernoulli(logits=pair.prior.loc).log_prob(states).sum(-1).detach()
    marginal = (log_q.exp() * (log_q - log_p)).sum().item()
    information = (each.exp() * (each - log_q[:, None])).sum(0).mean().item()
    means, errors = found.means(), found.monte_carlo_errors
    assert abs(means["marginal_kl"] - marginal) < 4.5 * errors["marginal_kl"] + 1e-9
    assert (
        abs(means["mutual_information"] - information) < 4.5 * errors["mutual_information"] + 1e-9
    )
    assert isinstance(pair, DiscreteLatent)


@pytest.mark.parametrize("vectorize", [True, False])
@pytest.mark.parametrize("style", sorted(STYLES.keys() - {"subsampled_plate"}))
def test_every_style_of_pair(style, vectorize):
    with pyro.settings.context(module_local_params=style == "pyro_module_local"):
        pair = STYLES[style](torch.float64)
        found = elbo_surgery(
            pair.model, pair.guide, *pair.args, num_particles=6, chunk=9, seed=0,
            vectorize_particles=vectorize,
        )  # fmt: skip
        parts = elbo_parts(pair.model, pair.guide, *pair.args, num_particles=3000, seed=0)
    means = found.means()
    assert found.kl.shape == (pair.batch_size,)
    assert means["kl"] == pytest.approx(means["mutual_information"] + means["marginal_kl"])
    assert 0 <= means["mutual_information"] + 4.5 * found.monte_carlo_errors["mutual_information"]
    assert (found.mutual_information <= found.limit + 1e-9).all()
    errors = found.monte_carlo_errors["kl"], parts.monte_carlo_errors["kl"]
    assert abs(means["kl"] - parts.means()["kl"]) < 6 * math.hypot(*errors) + 1e-6


def test_one_draw_has_no_known_error():
    model, guide, x = line(torch.tensor([-1.0, 0.2]).double(), 0.3)
    found = elbo_surgery(model, guide, x, num_particles=1, seed=0)
    assert all(map(math.isnan, found.monte_carlo_errors.values()))
    assert "of log N = 0.693 at most" in str(found)


def test_equal_seeds_give_equal_results_whatever_the_rows():
    model, guide, x = line(torch.linspace(-1, 1, 9).double(), 0.3)
    found = [elbo_surgery(model, guide, x, seed=3, chunk=c) for c in (1000, 500)]
    torch.testing.assert_close(found[0].marginal_kl, found[1].marginal_kl)


def test_a_guide_without_an_inverse():
    flow = dist.transforms.planar(2).double()

    def model(x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(2), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(z, 1.0).to_event(1), obs=x)

    def guide(x):
        with pyro.plate("data", len(x)):
            base = dist.Normal(x, 1.0).to_event(1)
            pyro.sample("z", dist.TransformedDistribution(base, [flow]))

    with pytest.raises(SiteError, match="scores only what it drew itself.*AffineCoupling"):
        elbo_surgery(model, guide, torch.randn(3, 2).double())


def test_auxiliary_latents_are_refused():
    model, _, x = line(torch.tensor([-1.0, 0.2]).double(), 0.3)

    def guide(x):
        with pyro.plate("data", len(x)):
            a = pyro.sample("a", dist.Normal(0.0, 1.0), infer={"is_auxiliary": True})
            pyro.sample("z", dist.Normal(x + a, 1.0))

    with pytest.raises(SiteError, match="'a' is no latent of the model"):
        elbo_surgery(model, guide, x)
