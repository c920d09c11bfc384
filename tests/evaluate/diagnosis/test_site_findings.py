"""What is measured of a latent, against closed forms of linear-Gaussian pairs."""

import math

import pyro
import pyro.distributions as dist
import pytest
import torch

from pyrovae import diagnose, elbo_surgery
from pyrovae.data import LinearGaussian, LinearGaussianChain
from pyrovae.data.synthetic import DiscreteLatent

N = 200


@pytest.fixture(scope="module")
def measured():
    pair = LinearGaussian.random(5, 2, seed=0)
    x = pair.sample(N, seed=1)
    return pair, x, diagnose(pair.model, pair.guide, x, seed=2, num_particles=20)


def posterior_of(pair, x):
    q = pair._q(x)
    return q.mean.detach(), q.covariance_matrix.detach().expand(len(x), -1, -1)


def expected_log_lik(pair, x, mean, covariance):
    """E log p(x|z) for z of a normal with this mean and covariance. [B]."""
    weight, bias = pair.decoder.weight.double(), pair.decoder.loc.double()
    variance = pair.decoder.scale_tril()[0, 0].item() ** 2
    off = (x.double() - mean @ weight.T - bias).square().sum(-1)
    spread = torch.einsum("dl,...lm,dm->...", weight, covariance, weight)
    log_norm = x.shape[1] * math.log(2 * math.pi * variance)
    return (-0.5 * (log_norm + (off + spread) / variance)).detach()


def test_the_oracle_of_these_tests(measured):
    pair, x, _ = measured
    torch.testing.assert_close(
        expected_log_lik(pair, x, *posterior_of(pair, x)), pair.reconstruction(x).detach()
    )


def test_what_a_latent_costs_and_brings(measured):
    pair, x, found = measured
    site = found["z"]
    assert site.kl == pytest.approx(pair.kl(x).mean().item(), abs=1e-8)
    none = torch.zeros(2, dtype=torch.float64), torch.eye(2, dtype=torch.float64)
    lost = pair.reconstruction(x).detach() - expected_log_lik(pair, x, *none)
    # Its error counts the spread over the data too, which is the same on both sides.
    noise = 3 * site.redrawn_error / math.sqrt(20)
    assert site.redrawn == pytest.approx(lost.mean().item(), abs=4.5 * noise)
    assert site.gain == pytest.approx(site.redrawn - site.kl, abs=1e-8)


def test_what_is_lost_with_the_latent_of_another_datum(measured):
    pair, x, found = measured
    site, (mean, covariance) = found["z"], posterior_of(pair, x)
    each = torch.stack(
        [
            expected_log_lik(pair, x, m.expand(N, -1), c)
            for m, c in zip(mean, covariance, strict=True)
        ]
    )  # [of datum, datum]
    others = (each.sum(0) - each.diagonal()) / (N - 1)
    lost = pair.reconstruction(x).detach() - others
    noise = 3 * site.exchanged_error / math.sqrt(20)
    assert site.exchanged == pytest.approx(lost.mean().item(), abs=4.5 * noise)


def test_how_far_the_mean_of_the_data_moves(measured):
    pair, x, found = measured
    mean, covariance = posterior_of(pair, x)
    aggregate = mean.T.cov(correction=1) + covariance.mean(0)
    weight = pair.decoder.weight.double().detach()
    moved = torch.trace(weight @ aggregate @ weight.T) / x.double().var(0, correction=0).sum()
    assert found["z"].moved == pytest.approx(moved.item(), rel=0.05)
    between = mean.var(0) / (mean.var(0) + covariance.mean(0).diagonal())
    torch.testing.assert_close(found["z"].between, between, rtol=0.1, atol=0.0)


def test_the_gap_is_no_more_than_it_is():
    pair = LinearGaussian(
        torch.eye(3, 2), torch.zeros(3), 0.5, q_loc=torch.tensor([2.0, 0.0]),
        q_scale=torch.tensor([0.5, 1.0]), name="shifted",
    )  # fmt: skip
    x = pair.sample(500, seed=0)
    found = diagnose(pair.model, pair.guide, x, seed=1, num_particles=4)
    q = dist.Normal(torch.tensor([2.0, 0.0]), torch.tensor([0.5, 1.0]))
    exact = torch.distributions.kl_divergence(q, dist.Normal(torch.zeros(2), 1.0)).sum().item()
    assert 0.9 * exact < found["z"].gap_at_least < 1.05 * exact
    assert "far-from-prior" in found.codes and found.information.gap_at_most >= 0.95 * exact
    near = LinearGaussian.random(5, 2, seed=0)
    assert (
        diagnose(near.model, near.guide, near.sample(500, seed=3), seed=1)["z"].gap_at_least < 0.1
    )


def test_the_information_is_that_of_the_surgery(measured):
    pair, x, found = measured
    same = elbo_surgery(pair.model, pair.guide, x, seed=2, num_particles=20)
    assert found.information.mutual_information == same.means()["mutual_information"]
    assert found.information.limit == pytest.approx(math.log(N))


@pytest.mark.parametrize("order", ["bottom-up", "top-down"])
def test_kl_by_unit_where_there_is_no_closed_form(order):
    """Of a hierarchy with guides that factorise: sums over units are the sampled terms."""

    def model(x):
        with pyro.plate("data", len(x)):
            z2 = pyro.sample("z2", dist.Normal(torch.zeros(2), 1.0).to_event(1))
            z1 = pyro.sample("z1", dist.Normal(0.8 * z2, 0.6).to_event(1))
            pyro.sample("x", dist.Normal(z1, 0.5).to_event(1), obs=x)

    def guide(x):
        with pyro.plate("data", len(x)):
            if order == "bottom-up":
                z1 = pyro.sample("z1", dist.Normal(0.7 * x, 0.4).to_event(1))
                pyro.sample("z2", dist.Normal(0.7 * z1, 0.6).to_event(1))
            else:
                z2 = pyro.sample("z2", dist.Normal(0.5 * x, 0.6).to_event(1))
                pyro.sample("z1", dist.Normal(0.5 * x + 0.3 * z2, 0.4).to_event(1))

    torch.manual_seed(0)
    found = diagnose(model, guide, torch.randn(300, 2), seed=0, num_particles=30)
    for site in found.sites:
        assert site.num_units == 2 and site.num_used == 2
        error = max(site.kl_error, float(site.kl_by_unit_errors.sum()))
        assert float(site.kl_by_unit.sum()) == pytest.approx(site.kl, abs=4.5 * error)
    assert found.severity == "fine", str(found)


def test_what_the_layers_of_a_hierarchy_bring():
    """From the top down, with the exact posterior: the layers below follow a layer's new value."""

    def model(x):
        with pyro.plate("data", len(x)):
            z2 = pyro.sample("z2", dist.Normal(0.0, 1.0))
            z1 = pyro.sample("z1", dist.Normal(0.8 * z2, 0.6))
            pyro.sample("x", dist.Normal(z1, 0.5), obs=x)

    upper, lower = 1 - 0.64 / 1.25, 1 / (1 / 0.36 + 1 / 0.25)  # variances of the posterior

    def guide(x):
        with pyro.plate("data", len(x)):
            z2 = pyro.sample("z2", dist.Normal(0.8 * x / 1.25, upper**0.5))
            pyro.sample("z1", dist.Normal(lower * (0.8 * z2 / 0.36 + x / 0.25), lower**0.5))

    torch.manual_seed(0)
    x, k = 1.25**0.5 * torch.randn(400).double(), 20
    log_px = dist.Normal(0.0, 1.25**0.5).log_prob(x)
    # Without z2: E log p(x|z2) under its prior. Without z1: z1 ~ p(z1|z2), z2 ~ p(z2|x).
    without_z2 = -0.5 * math.log(2 * math.pi * 0.61) - (x.square() + 0.64) / 1.22
    mean, scale = 0.8 * x / 1.25, torch.tensor(upper**0.5).double()
    kl = torch.distributions.kl_divergence(dist.Normal(mean, scale), dist.Normal(0.0, 1.0))
    off = (x - 0.8 * mean).square() + 0.36 + 0.64 * upper
    without_z1 = -0.5 * math.log(2 * math.pi * 0.25) - off / 0.5 - kl
    found = diagnose(model, guide, x.float(), seed=1, num_particles=k)
    for name, without in (("z2", without_z2), ("z1", without_z1)):
        noise = 3 * found[name].redrawn_error / math.sqrt(k)
        exact = (log_px - without).mean().item()
        assert found[name].gain == pytest.approx(exact, abs=4.5 * noise), name


def test_a_chain_of_full_normals_is_used_in_every_layer():
    for order in ("bottom-up", "top-down"):
        pair = LinearGaussianChain.random(6, (3, 2), seed=1, order=order)
        found = diagnose(pair.model, pair.guide, pair.sample(200, seed=1), seed=0, num_particles=5)
        assert found.severity == "fine" and found.collapsed == (), str(found)


def test_discrete_latents():
    pair = DiscreteLatent.random(6, 3, seed=0)
    found = diagnose(pair.model, pair.guide, pair.sample(300, seed=1), seed=0)
    site = found["z"]
    assert site.kl == pytest.approx(site.kl_by_unit.sum().item(), abs=1e-6)
    variance = pair.posterior_marginals(pair.sample(300, seed=1)).var(0)  # the guide is another
    assert site.num_units == 3 and site.between.shape == variance.shape and site.classes is None


def test_values_of_a_categorical_latent():
    x = torch.randn(400, 3)

    def model(x):
        with pyro.plate("data", len(x)):
            c = pyro.sample("c", dist.Categorical(torch.ones(8)))
            mean = c.unsqueeze(-1).float() + torch.zeros(3)
            pyro.sample("x", dist.Normal(mean, 1.0).to_event(1), obs=x)

    def guide(x):
        probs = torch.full((8,), 1e-6)
        probs[2] = probs[5] = 1.0  # two of eight values, for all data
        with pyro.plate("data", len(x)):
            pyro.sample("c", dist.Categorical(probs.expand(len(x), 8)))

    site = diagnose(model, guide, x, seed=0)["c"]
    assert site.classes == 8 and site.perplexity == pytest.approx(2, abs=0.02)
    assert site.between is None and site.kl == pytest.approx(math.log(4), abs=1e-3)
