"""`ais` against exact evidence, with good guides and poor ones, on every kind of latent."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.distributions.transforms import Planar

from pyrovae.data.synthetic import LinearGaussian
from pyrovae.errors import ConfigError, PlateError, ReparamError, SiteError, SupportError
from pyrovae.evaluate import ais, log_evidence
from pyrovae.models import VAE
from pyrovae.nn import Normal
from pyrovae.objectives import ELBO
from pyrovae.train import fit
from tests.evaluate.annealing.gaussians import exact_moves, riemann
from tests.oracles import lg2, t15, z_scores
from tests.pairs import STYLES


def poor(oracle, shift=2.0, scale=0.5):
    """The same model with a guide that is far away and too narrow."""
    weight, bias, variance = (t.detach().clone() for t in oracle._likelihood())
    loc = torch.full((oracle.latent_dim,), shift, dtype=torch.float64)
    return LinearGaussian(weight, bias, variance.sqrt(), q_loc=loc, q_scale=0 * loc + scale)


def worst_z(found, exact):
    bias = found.standard_error**2 / 2
    return ((found.log_px + bias - exact.detach()) / found.standard_error).abs().max()


@pytest.mark.parametrize(("data_dim", "latent_dim", "seed"), [(5, 2, 0), (3, 1, 1), (8, 4, 2)])
@pytest.mark.parametrize("schedule", ["linear", "sigmoid"])
def test_each_datum_gets_its_exact_evidence(data_dim, latent_dim, seed, schedule):
    oracle = LinearGaussian.random(data_dim=data_dim, latent_dim=latent_dim, seed=seed)
    x = oracle.sample(30, seed=1)
    found = ais(
        oracle.model, oracle.guide, x, num_particles=64, num_temperatures=15, num_leapfrog=4,
        schedule=schedule, seed=2,
    )  # fmt: skip
    assert worst_z(found, oracle.log_px(x)) < 4.5
    error = found.mean() - oracle.log_px(x).mean().item()
    assert abs(error) < 4.5 * found.monte_carlo_error() < 0.1
    assert 0.4 < found.acceptance.min() and found.acceptance.max() < 0.9


@pytest.mark.parametrize("latent_dim", [2, 4])
@pytest.mark.parametrize("start", ["guide", "prior"])
def test_where_importance_sampling_is_off(latent_dim, start):
    oracle = poor(LinearGaussian.random(data_dim=6, latent_dim=latent_dim, seed=3))
    x = oracle.sample(20, seed=1)
    exact = oracle.log_px(x).mean().item()
    plain = log_evidence(oracle.model, oracle.guide, x, num_particles=4000, seed=0)
    found = ais(
        oracle.model, oracle.guide, x, num_particles=32, num_temperatures=80, num_leapfrog=3,
        start=start, seed=0,
    )  # fmt: skip
    assert exact - plain.mean() > 5, "the guide is not poor"
    assert -0.5 < found.mean() - exact < 3 * found.monte_carlo_error()
    assert not plain.trusted.all() and "do not trust" in str(plain)


@pytest.mark.parametrize("size", [1, 2, 5])
def test_exact_moves_give_the_lower_riemann_sum(size):
    oracle, x = lg2()
    found = ais(
        oracle.model, oracle.guide, x.expand(20_000, -1), num_particles=1, num_temperatures=size,
        schedule="linear", transition=exact_moves(oracle), seed=1, rows=5000,
    )  # fmt: skip
    expected = {1: -5.504780546574, 2: -5.3821769453, 5: -5.3128923516}[size]
    assert riemann(oracle, x, size)[0].item() == pytest.approx(expected, abs=1e-8)
    assert z_scores(found.log_px, expected).abs() < 4.5
    assert found.acceptance.isnan().all()


@pytest.mark.parametrize("start", ["guide", "prior"])
@pytest.mark.parametrize("target", [0.2, 0.9])
def test_the_mean_weight_is_the_evidence_however_bad_the_moves(start, target):
    oracle, x = lg2()
    found = ais(
        oracle.model, oracle.guide, x.expand(8000, -1), num_particles=1, num_temperatures=3,
        num_leapfrog=1, target_acceptance=target, start=start, seed=5, rows=8000,
    )  # fmt: skip
    relative = (found.log_px - oracle.log_px(x).item()).exp()
    assert z_scores(relative, 1.0).abs() < 4.5
    assert found.log_px.mean() < oracle.log_px(x).item()


def test_one_temperature_is_importance_sampling():
    oracle, x = lg2()
    found = ais(oracle.model, oracle.guide, x.expand(4000, -1), num_temperatures=1, seed=0)
    assert z_scores(found.log_px, oracle.iwae(x, 16).item()).abs() < 4.5


def test_more_temperatures_tighten_it():
    oracle = poor(LinearGaussian.random(data_dim=5, latent_dim=2, seed=0), shift=1.5)
    x = oracle.sample(40, seed=1)
    means = [
        ais(oracle.model, oracle.guide, x, num_temperatures=t, num_leapfrog=3, seed=0).mean()
        for t in (1, 4, 16, 64)
    ]
    assert means == sorted(means)


def gamma_poisson(x):
    with pyro.plate("data", len(x)):
        rate = pyro.sample("rate", dist.Gamma(x.new_tensor(2.0), 1.5))
        pyro.sample("x", dist.Poisson(rate), obs=x)


def log_normal_guide(x):
    with pyro.plate("data", len(x)):
        pyro.sample("rate", dist.LogNormal(x.new_zeros(()), 0.6))


def beta_binomial(x):
    with pyro.plate("data", len(x)):
        p = pyro.sample("p", dist.Beta(x.new_tensor(1.5), 2.5))
        pyro.sample("x", dist.Binomial(10, p), obs=x)


def uniform_guide(x):
    with pyro.plate("data", len(x)):
        pyro.sample("p", dist.Uniform(x.new_zeros(()), 1.0))


def dirichlet_multinomial(x):
    with pyro.plate("data", len(x)):
        p = pyro.sample("p", dist.Dirichlet(x.new_tensor([1.0, 2.0, 0.7])))
        pyro.sample("x", dist.Multinomial(10, p), obs=x)


def dirichlet_guide(x):
    with pyro.plate("data", len(x)):
        pyro.sample("p", dist.Dirichlet(x.new_ones(3)))


COUNTS = torch.tensor([0.0, 1.0, 4.0, 9.0], dtype=torch.float64)
TRIPLES = torch.tensor([[10.0, 0, 0], [3, 3, 4], [0, 1, 9]], dtype=torch.float64)


@pytest.mark.parametrize(
    ("model", "guide", "x", "exact"),
    [
        (gamma_poisson, log_normal_guide, COUNTS, dist.GammaPoisson(2.0, 1.5)),
        (beta_binomial, uniform_guide, COUNTS, dist.BetaBinomial(1.5, 2.5, 10)),
        (
            dirichlet_multinomial, dirichlet_guide, TRIPLES,
            dist.DirichletMultinomial(torch.tensor([1.0, 2.0, 0.7]).double(), 10),
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("start", ["guide", "prior"])
def test_constrained_latents(model, guide, x, exact, start):
    found = ais(
        model, guide, x, num_particles=200, num_temperatures=12, num_leapfrog=3, start=start,
        seed=0,
    )  # fmt: skip
    assert worst_z(found, exact.log_prob(x)) < 4.5
    assert found.standard_error.max() < 0.15


def test_nested_plates():
    pair = STYLES["nested_plate"](torch.float64)
    (x,) = pair.args
    found = ais(
        pair.model, pair.guide, x, num_particles=100, num_temperatures=60, num_leapfrog=3, seed=0
    )
    weight, size = torch.tensor([0.5, -0.3]).double(), x.shape[1]
    covariance = weight[1] ** 2 * (torch.ones(size, size) + torch.eye(size)) + 0.25 * torch.eye(
        size
    )
    exact = dist.MultivariateNormal(weight[0].expand(size), covariance.double()).log_prob(x)
    assert worst_z(found, exact) < 4.5 and found.standard_error.max() < 0.3


@pytest.mark.parametrize("style", sorted(STYLES.keys() - {"subsampled_plate"}))
@pytest.mark.parametrize("start", ["guide", "prior"])
def test_every_style_of_pair(style, start):
    with pyro.settings.context(module_local_params=style == "pyro_module_local"):
        pair = STYLES[style](torch.float32)
        found = ais(
            pair.model, pair.guide, *pair.args, num_particles=3, num_temperatures=4,
            num_leapfrog=2, start=start, rows=3,
        )  # fmt: skip
    assert found.log_px.shape == (pair.batch_size,) and found.log_px.isfinite().all()


@pytest.mark.parametrize("style", ["hierarchy", "family"])
def test_it_agrees_with_many_particles_at_less_cost(style):
    pair = STYLES[style](torch.float64)
    plain = log_evidence(pair.model, pair.guide, *pair.args, num_particles=20_000, seed=0)
    found = ais(
        pair.model, pair.guide, *pair.args, num_particles=50, num_temperatures=20, num_leapfrog=4,
        seed=0,
    )  # fmt: skip
    error = (found.standard_error**2 + plain.standard_error**2).sqrt()
    assert ((found.log_px - plain.log_px) / error).abs().max() < 4.5


def test_a_trained_autoencoder_is_not_worse_off_than_by_importance_sampling():
    pyro.set_rng_seed(0)
    oracle = LinearGaussian.random(data_dim=6, latent_dim=3, seed=0, dtype=torch.float32)
    vae, x = VAE((6,), 3, likelihood=Normal(0.5)), oracle.sample(200, seed=1)
    fit(vae.model, vae.guide, x, objective=ELBO(), epochs=3, batch_size=50, device="cpu")
    plain = log_evidence(vae.model, vae.guide, x[:20], num_particles=1000, seed=0)
    found = ais(
        vae.model, vae.guide, x[:20], num_particles=16, num_temperatures=15, num_leapfrog=3, seed=0
    )
    noise = (found.monte_carlo_error() ** 2 + plain.monte_carlo_error() ** 2) ** 0.5
    assert found.mean() > plain.mean() - 3 * noise


def test_a_seed_repeats_the_result_and_leaves_streams_and_parameters_alone():
    oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
    x = oracle.sample(7, seed=1)

    def run(seed, **options):
        return ais(
            oracle.model, oracle.guide, x, num_particles=4, num_temperatures=4, num_leapfrog=2,
            seed=seed, **options,
        ).log_px  # fmt: skip

    before = torch.get_rng_state()
    first = run(1)
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(first, run(1)) and not torch.equal(first, run(2))
    assert all(p.requires_grad and p.grad is None for p in oracle.parameters())
    one_by_one = run(1, vectorize_particles=False)
    assert one_by_one.isfinite().all()


def test_progress_rows_and_text(capfd):
    oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
    x = oracle.sample(7, seed=1)
    found = ais(
        oracle.model, oracle.guide, x, num_temperatures=3, num_leapfrog=2, rows=3, progress=True
    )
    assert "7" in capfd.readouterr().err
    assert found.log_px.shape == (7,) and "16 chains" in str(found)
    assert found.summary()["log_px"] == found.mean()


def dependent_support(x):
    with pyro.plate("data", len(x)):
        top = pyro.sample("top", dist.LogNormal(x.new_zeros(()), 1.0))
        z = pyro.sample("z", dist.Uniform(0.0 * top, top))
        pyro.sample("x", dist.Normal(z, 1.0), obs=x)


def fixed_support(x):
    with pyro.plate("data", len(x)):
        high = torch.linspace(1, 2, len(x)).to(x)  # another bound for each datum
        z = pyro.sample("z", dist.Uniform(0 * high, high))
        pyro.sample("x", dist.Normal(z, 1.0), obs=x)


def fixed_support_guide(x):
    with pyro.plate("data", len(x)):
        high = torch.linspace(1, 2, len(x)).to(x)
        pyro.sample("z", dist.Uniform(0 * high, high))


def normal_model(x):
    with pyro.plate("data", len(x)):
        z = pyro.sample("z", dist.Normal(x.new_zeros(2), 1.0).to_event(1))
        pyro.sample("x", dist.Normal(z.sum(-1), 1.0), obs=x)


def point_guide(x):
    with pyro.plate("data", len(x)):
        pyro.sample("z", dist.Delta(x.new_zeros(2)).to_event(1))


def planar_guide(x):
    flow = Planar(2)
    with pyro.plate("data", len(x)):
        base = dist.Normal(x.new_zeros(2), 1.0).to_event(1)
        pyro.sample("z", dist.TransformedDistribution(base, [flow]))


def auxiliary_guide(x):
    with pyro.plate("data", len(x)):
        a = pyro.sample("a", dist.Normal(0.0, 1.0), infer={"is_auxiliary": True})
        pyro.sample("z", dist.Normal(a.unsqueeze(-1).expand(*a.shape, 2), 1.0).to_event(1))


def test_bounds_may_differ_between_data():
    x = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)
    found = ais(fixed_support, fixed_support_guide, x, num_particles=200, num_temperatures=10)
    high, unit = torch.linspace(1, 2, 3).double(), dist.Normal(0.0, 1.0)
    exact = ((unit.cdf(x) - unit.cdf(x - high)) / high).log()
    assert worst_z(found, exact) < 4.5


@pytest.mark.parametrize("guide", [point_guide, planar_guide, auxiliary_guide])
def test_guides_without_a_path_can_start_from_the_prior(guide):
    x = torch.randn(5)
    with pytest.raises(SiteError, match="start='prior'"):
        ais(normal_model, guide, x, num_temperatures=3)
    found = ais(
        normal_model, guide, x, num_particles=100, num_temperatures=10, start="prior", seed=0
    )
    assert worst_z(found, dist.Normal(0.0, 3**0.5).log_prob(x)) < 4.5


def test_what_cannot_be_annealed_is_refused():
    oracle, x = t15()
    with pytest.raises(ReparamError, match=r"site 'z' \(Bernoulli\) is discrete"):
        ais(oracle.model, oracle.guide, x)

    def guide(x):
        with pyro.plate("data", len(x)):
            top = pyro.sample("top", dist.LogNormal(x.new_zeros(()), 1.0))
            pyro.sample("z", dist.Uniform(0.0 * top, top))

    with pytest.raises(SupportError, match="support of site 'z'"):
        ais(dependent_support, guide, torch.ones(3))
    pair = STYLES["subsampled_plate"](torch.float64)
    with pytest.raises(PlateError, match="subsample"):
        ais(pair.model, pair.guide, *pair.args)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"start": "q"}, "start is 'q'"),
        ({"schedule": "cosine"}, "schedule is 'cosine'"),
        ({"num_temperatures": 0}, "num_temperatures is 0"),
        ({"num_leapfrog": 0}, "num_leapfrog is 0"),
        ({"target_acceptance": 1.0}, "target_acceptance is 1.0"),
    ],
)
def test_options_that_make_no_sense(change, words):
    oracle, x = lg2()
    with pytest.raises(ConfigError, match=words):
        ais(oracle.model, oracle.guide, x, **change)
