"""`elbo_parts` against exact parts, and its routes on pairs of every kind."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine

from pyrovae.data.synthetic import DiscreteLatent, LinearGaussian
from pyrovae.evaluate import elbo_parts
from pyrovae.objectives import ELBO
from tests.oracles import LG2, lg2, t15
from tests.pairs import STYLES


@pytest.mark.parametrize("kind", [LinearGaussian, DiscreteLatent])
@pytest.mark.parametrize("chunk", [None, 150])
def test_each_datum_gets_its_exact_parts(kind, chunk):
    oracle = kind.random(data_dim=5, latent_dim=3, seed=0)
    x = oracle.sample(60, seed=1)
    parts = elbo_parts(oracle.model, oracle.guide, x, num_particles=400, chunk=chunk, seed=2)
    assert parts.routes == parts.per_dim_routes == {"z": "closed form"}
    torch.testing.assert_close(parts.kl, oracle.kl(x).detach())
    torch.testing.assert_close(parts.kl_by_site["z"], parts.kl)
    torch.testing.assert_close(parts.elbo, parts.reconstruction - parts.kl)
    error = parts.monte_carlo_errors["reconstruction"]
    assert parts.monte_carlo_errors["elbo"] == pytest.approx(error)
    assert parts.monte_carlo_errors["kl"] == pytest.approx(0, abs=1e-12)
    exact = oracle.reconstruction(x).mean().item()
    assert abs(parts.means()["reconstruction"] - exact) < 4.5 * error
    exact = oracle.elbo(x).mean().item()
    assert abs(parts.means()["elbo"] - exact) < 4.5 * error
    assert parts.standard_errors["kl"] == pytest.approx(parts.kl.std().item() / 60**0.5)


def test_the_fixture_by_its_numbers():
    oracle, x = lg2()
    parts = elbo_parts(oracle.model, oracle.guide, x.expand(500, -1), num_particles=100, seed=0)
    error = parts.standard_errors["elbo"]
    assert abs(parts.means()["elbo"] - LG2["elbo"]) < 4.5 * error
    assert parts.monte_carlo_errors["elbo"] == pytest.approx(error, rel=0.15)
    assert parts.means()["kl"] == pytest.approx(LG2["kl"], abs=1e-8)


def test_kl_per_dimension_of_normals_by_the_formula():
    oracle = LinearGaussian.random(data_dim=5, latent_dim=3, seed=0)
    x = oracle.sample(60, seed=1)
    loc = oracle.encoder.affine(x).detach()
    scale = oracle.encoder.log_scale.exp().detach()
    expected = 0.5 * (loc**2 + scale**2 - 1).mean(0) - scale.log()
    parts = elbo_parts(oracle.model, oracle.guide, x, num_particles=3, chunk=50)
    torch.testing.assert_close(parts.kl_per_dim["z"], expected)


def test_kl_per_dimension_of_bernoullis_by_the_formula():
    oracle, x = t15()
    q = oracle.encoder.loc.sigmoid().detach()
    prior = oracle.prior.loc.sigmoid().detach()
    expected = q * (q / prior).log() + (1 - q) * ((1 - q) / (1 - prior)).log()
    parts = elbo_parts(oracle.model, oracle.guide, x, num_particles=3)
    torch.testing.assert_close(parts.kl_per_dim["z"], expected)


@pytest.mark.parametrize("vectorize", [True, False])
@pytest.mark.parametrize("style", sorted(STYLES.keys() - {"subsampled_plate"}))
def test_every_style_of_pair(style, vectorize):
    with pyro.settings.context(module_local_params=style == "pyro_module_local"):
        pair = STYLES[style](torch.float64)
        parts = elbo_parts(
            pair.model,
            pair.guide,
            *pair.args,
            num_particles=4,
            chunk=9,
            vectorize_particles=vectorize,
        )
        many = ELBO(300, closed_form_kl=True).per_datum(pair.model, pair.guide, *pair.args)
    assert parts.elbo.shape == (pair.batch_size,)
    total = sum(parts.kl_by_site.values())
    torch.testing.assert_close(total, parts.kl)
    torch.testing.assert_close(parts.elbo, parts.reconstruction - parts.kl)
    z = (parts.elbo.mean() - many.mean()).abs() / parts.monte_carlo_errors["elbo"]
    assert z < 8, "an estimate of the same bound, with K = 4"
    for name, per_dim in parts.kl_per_dim.items():
        if per_dim is None:
            assert parts.per_dim_routes[name] != "closed form"
        else:
            torch.testing.assert_close(per_dim.sum(), parts.kl_by_site[name].mean())


def test_nested_plates_are_dimensions_too():
    pair = STYLES["nested_plate"](torch.float64)
    parts = elbo_parts(pair.model, pair.guide, *pair.args)
    assert {name: kl.shape for name, kl in parts.kl_per_dim.items()} == {"g": (1,), "z": (6,)}


def test_a_bottom_up_hierarchy_is_sampled_and_says_why():
    pair = STYLES["hierarchy"](torch.float64)
    parts = elbo_parts(pair.model, pair.guide, *pair.args)
    assert parts.routes["z1"].startswith("sampled: the model draws 'z2' before it")
    assert parts.routes["z2"] == "closed form"
    assert parts.kl_per_dim["z1"] is None and parts.per_dim_routes["z1"] == parts.routes["z1"]
    assert parts.monte_carlo_errors["kl[z1]"] > 0


def _pair(q, prior):
    def model(x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", prior(x))
            pyro.sample("x", dist.Normal(z.sum(-1), 1.0), obs=x)

    def guide(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", q(x))

    return model, guide


def _normal(x):
    return dist.Normal(torch.zeros(2), 1.0).to_event(1)


def _full_normal(x):
    return dist.MultivariateNormal(x[:, None] * torch.ones(2), torch.eye(2) + 0.5)


def test_kl_of_a_full_covariance_is_no_sum_over_dimensions():
    def prior(x):
        return dist.MultivariateNormal(torch.zeros(2), torch.eye(2))

    x = torch.randn(6)
    parts = elbo_parts(*_pair(_full_normal, prior), x, num_particles=2)
    assert parts.routes == {"z": "closed form"} and parts.kl_per_dim == {"z": None}
    assert "MultivariateNormal" in parts.per_dim_routes["z"]
    parts = elbo_parts(*_pair(_full_normal, _normal), x, num_particles=2)
    assert parts.kl_per_dim == {"z": None}


def test_a_masked_site_has_none_either():
    x, mask = torch.randn(6), torch.arange(6) > 2
    model, guide = (poutine.mask(f, mask=mask) for f in _pair(_normal, _normal))
    parts = elbo_parts(model, guide, x, num_particles=2, rows=6)
    assert parts.routes == {"z": "closed form"} and parts.kl_per_dim == {"z": None}
    assert parts.per_dim_routes == {"z": "the site is masked"}


def test_one_particle_has_no_monte_carlo_error_to_show():
    oracle, x = lg2()
    parts = elbo_parts(oracle.model, oracle.guide, x.expand(4, -1), num_particles=1)
    assert parts.monte_carlo_errors["elbo"] != parts.monte_carlo_errors["elbo"]
    text = str(parts)
    assert "reconstruction" in text and "kl[z]: closed form" in text
