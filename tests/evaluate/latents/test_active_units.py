"""Posterior means and active units against guides whose means are known."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.distributions.transforms import AffineTransform, TanhTransform

from pyrovae.data.synthetic import DiscreteLatent, LinearGaussian
from pyrovae.errors import DataError, PlateError, ShapeError, SiteError
from pyrovae.evaluate import active_units, posterior_means
from tests.oracles import lg2
from tests.pairs import STYLES


@pytest.mark.parametrize("chunk", [None, 20])
@pytest.mark.parametrize("vectorize", [True, False])
def test_a_stated_mean_is_exact(chunk, vectorize):
    oracle = LinearGaussian.random(data_dim=5, latent_dim=3, seed=0)
    x = oracle.sample(60, seed=1)
    loc = oracle.encoder.affine(x).detach()
    options = {"chunk": chunk, "vectorize_particles": vectorize}
    torch.testing.assert_close(posterior_means(oracle.model, oracle.guide, x, **options), loc)
    units = active_units(oracle.model, oracle.guide, x, **options)
    torch.testing.assert_close(units.variance["z"], loc.var(0))
    assert (units.routes, units.num_data) == ({"z": "exact"}, 60)


def test_a_stated_mean_takes_two_particles():
    oracle = DiscreteLatent.random(data_dim=4, latent_dim=3, seed=0)
    x = oracle.sample(10, seed=1)
    drawn = []

    def guide(x):
        oracle.guide(x)
        drawn.append(len(x))

    means = posterior_means(oracle.model, guide, x)
    torch.testing.assert_close(means, oracle.encoder.affine(x).sigmoid().detach())
    assert len(drawn) == 3, "one pass finds the plates, one tries the particle axis, one draws"


def test_a_unit_whose_decoder_is_dead_is_inactive_at_the_exact_posterior():
    weight = torch.randn(6, 4, dtype=torch.float64)
    weight[:, 2] = 0
    oracle = LinearGaussian(weight, torch.zeros(6, dtype=torch.float64), 0.5)
    units = active_units(oracle.model, oracle.guide, oracle.sample(200, seed=0))
    assert units.active["z"].tolist() == [True, True, False, True]
    assert (units.counts, units.count) == ({"z": 3}, 3)
    line, note = str(units).splitlines()[1:]
    assert line.split()[:3] == ["z", "3", "4"] and line.endswith("exact")
    assert note == "active: variance of E_q[z] above 0.01 over 200 data"
    assert (
        active_units(oracle.model, oracle.guide, oracle.sample(200, seed=0), threshold=9).count
        == 0
    )


def _flow_pair(loc):
    def model(x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(3), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(z.sum(-1), 1.0), obs=x)

    def guide(x):
        base = dist.Normal(torch.zeros(len(x), 3), 1.0).to_event(1)
        with pyro.plate("data", len(x)):
            flow = [AffineTransform(loc(x), 0.5, event_dim=1)]
            pyro.sample("z", dist.TransformedDistribution(base, flow))

    return model, guide


def test_a_flow_is_averaged_and_its_noise_taken_away():
    def loc(x):
        return torch.stack([x, 0 * x, 0.3 * x], -1)

    x = torch.randn(500)
    pair = _flow_pair(loc)
    units = active_units(*pair, x, num_particles=10, seed=0)
    assert units.routes == {"z": "averaged over 10 particles"}
    truth = loc(x).double().var(0)
    # Variance of a variance: the noise 0.25 / 10 rides on the truth.
    error = (truth + 0.025) * (2 / 500) ** 0.5
    assert ((units.variance["z"] - truth).abs() < 4.5 * error).all()
    assert units.active["z"].tolist() == [True, False, True]
    means = posterior_means(*pair, x, num_particles=400, seed=0)
    z = (means - loc(x)) / (0.5 / 400**0.5)
    assert z.abs().max() < 5 and means.var(0)[1] < 0.01


def test_a_bent_flow_has_the_mean_of_its_draws():
    x = torch.zeros(3)

    def guide(x):
        base = dist.Normal(torch.ones(len(x), 1), 1.0).to_event(1)
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.TransformedDistribution(base, [TanhTransform()]))

    def model(x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(1), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(z.sum(-1), 1.0), obs=x)

    z = torch.linspace(-8, 10, 10_001, dtype=torch.float64)
    truth = (z.tanh() * dist.Normal(1.0, 1.0).log_prob(z).exp()).sum() * (z[1] - z[0])
    means = posterior_means(model, guide, x, num_particles=20_000, seed=0)
    torch.testing.assert_close(means, truth.expand(3, 1), atol=0.03, rtol=0)


def test_below_the_first_layer_conditional_means_are_averaged():
    pair = STYLES["hierarchy"](torch.float64)
    units = active_units(pair.model, pair.guide, *pair.args, num_particles=50, seed=0)
    assert units.routes == {"z1": "exact", "z2": "averaged over 50 particles"}
    x = pair.args[0]
    few = posterior_means(pair.model, pair.guide, x, site="z2", num_particles=50, seed=0)
    many = posterior_means(pair.model, pair.guide, x, site="z2", num_particles=20_000, seed=1)
    assert few.shape == (4, 2) and (few - many).abs().max() < 0.5
    with pytest.raises(SiteError, match=r"several latents.*\['z1', 'z2'\]"):
        posterior_means(pair.model, pair.guide, x)
    with pytest.raises(SiteError, match="no latent 'z3'"):
        posterior_means(pair.model, pair.guide, x, site="z3")


def test_ties_of_a_discrete_layer_do_not_pass_for_exactness():
    def sites(x, chance):
        with pyro.plate("data", len(x)):
            c = pyro.sample("c", dist.Bernoulli(x.new_tensor(chance)))
            return c, pyro.sample("z", dist.Normal(10 * c, 1.0))

    def model(x):
        with pyro.plate("data", len(x)):
            c = pyro.sample("c", dist.Bernoulli(x.new_tensor(0.5)))
            z = pyro.sample("z", dist.Normal(10 * c, 1.0))
            pyro.sample("x", dist.Normal(z, 1.0), obs=x)

    def guide(x):
        sites(x, 0.01)

    units = active_units(model, guide, torch.zeros(2), num_particles=2000, seed=0)
    assert units.routes == {"c": "exact", "z": "averaged over 2000 particles"}
    means = posterior_means(model, guide, torch.zeros(2), site="z", num_particles=2000, seed=0)
    torch.testing.assert_close(means, torch.full((2, 1), 0.1).double(), atol=0.1, rtol=0)


def test_nested_plates_are_units_too():
    pair = STYLES["nested_plate"](torch.float64)
    units = active_units(pair.model, pair.guide, *pair.args, num_particles=5)
    assert {name: v.shape for name, v in units.variance.items()} == {"g": (1,), "z": (6,)}
    assert posterior_means(pair.model, pair.guide, *pair.args, site="g").shape == (4, 1)


def test_a_seed_repeats_the_result():
    pair = _flow_pair(lambda x: x[:, None].expand(-1, 3))
    x = torch.randn(5)
    first, again, other = (posterior_means(*pair, x, num_particles=3, seed=s) for s in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_what_cannot_be_measured_is_refused():
    oracle, x = lg2()
    with pytest.raises(DataError, match="one datum"):
        active_units(oracle.model, oracle.guide, x)
    with pytest.raises(ShapeError, match="num_particles is 1"):
        posterior_means(oracle.model, oracle.guide, x, num_particles=1)
    with pytest.raises(PlateError, match="batch_plate is None"):
        posterior_means(oracle.model, oracle.guide, x, batch_plate=None)
