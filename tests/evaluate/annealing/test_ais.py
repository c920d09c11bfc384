"""`ais` against exact evidence, with good guides and poor ones."""

import pyro
import pytest
import torch

from pyrovae.data.synthetic import LinearGaussian
from pyrovae.evaluate import ais, log_evidence
from pyrovae.models import VAE
from pyrovae.nn import Normal
from pyrovae.objectives import ELBO
from pyrovae.train import fit
from tests.evaluate.annealing.gaussians import exact_moves, riemann
from tests.evaluate.annealing.pairs import poor, worst_z
from tests.oracles import lg2, z_scores
from tests.pairs import STYLES


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
    assert not plain.trusted.all() and "nats too low" in str(plain)


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
