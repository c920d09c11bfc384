"""`log_evidence` against exact evidence and exact bounds."""

import pyro
import pytest
import torch
from pyro import poutine

from pyrovae.data.synthetic import DiscreteLatent, LinearGaussian
from pyrovae.evaluate import log_evidence
from tests.oracles import LG2, lg2, t15, underdispersed
from tests.pairs import STYLES


@pytest.fixture
def gaussian():
    oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
    return oracle, oracle.sample(37, seed=1)


@pytest.mark.parametrize(("data_dim", "latent_dim", "seed"), [(5, 2, 0), (3, 1, 1), (8, 3, 2)])
@pytest.mark.parametrize("chunk", [None, 700])
def test_each_datum_gets_its_exact_evidence(data_dim, latent_dim, seed, chunk):
    oracle = LinearGaussian.random(data_dim=data_dim, latent_dim=latent_dim, seed=seed)
    x = oracle.sample(50, seed=1)
    found = log_evidence(oracle.model, oracle.guide, x, num_particles=3000, chunk=chunk, seed=2)
    bias = found.standard_error**2 / 2
    z = (found.log_px + bias - oracle.log_px(x).detach()) / found.standard_error
    assert z.abs().max() < 4.5, f"z-scores {z}"
    assert (z.mean() * len(z) ** 0.5).abs() < 4.5 and 0.6 < z.std() < 1.5
    assert abs(found.mean() - oracle.log_px(x).mean().item()) < 4.5 * found.monte_carlo_error()


def test_discrete_latents_too():
    oracle = DiscreteLatent.random(data_dim=4, latent_dim=3, seed=0)
    x = oracle.sample(40, seed=1)
    found = log_evidence(oracle.model, oracle.guide, x, num_particles=3000, seed=2)
    z = (found.log_px + found.standard_error**2 / 2 - oracle.log_px(x).detach()).div(
        found.standard_error
    )
    assert z.abs().max() < 4.5


@pytest.mark.parametrize("num_particles", [1, 2, 5, 50])
@pytest.mark.parametrize("fixture", [lg2, t15])
def test_its_expectation_is_the_importance_weighted_bound(fixture, num_particles):
    oracle, x = fixture()
    found = log_evidence(
        oracle.model, oracle.guide, x.expand(20_000, -1), num_particles=num_particles, seed=3
    )
    bound = oracle.iwae(x, num_particles).item()
    assert abs(found.mean() - bound) < 4.5 * found.mean_standard_error()


def test_standard_errors_are_what_repetition_shows():
    oracle, x = lg2()
    found = log_evidence(oracle.model, oracle.guide, x.expand(2000, -1), num_particles=300, seed=4)
    spread = found.log_px.std().item()
    assert found.standard_error.mean().item() == pytest.approx(spread, rel=0.08)
    assert found.monte_carlo_error() == pytest.approx(found.mean_standard_error(), rel=0.08)
    law = (LG2["weight_variance"] / 300) ** 0.5
    assert spread == pytest.approx(law, rel=0.08)


def test_ess_per_particle_tends_to_the_exact_value():
    oracle, x = lg2()
    found = log_evidence(oracle.model, oracle.guide, x.expand(300, -1), num_particles=4000, seed=5)
    ratio = found.ess / 4000
    error = ratio.std() / 300**0.5
    assert (ratio.mean() - oracle.ess(x).item()).abs() < 4.5 * error


@pytest.mark.parametrize("scale", [0.8, 0.6, 0.5])
def test_k_hat_of_a_narrow_guide(scale):
    oracle, x = underdispersed(scale)
    found = log_evidence(
        oracle.model, oracle.guide, x.expand(20, -1), num_particles=20_000, seed=6
    )
    assert found.k_hat.mean().item() == pytest.approx(1 - scale**2, abs=0.1)


def test_scales_do_not_enter(gaussian):
    oracle, x = gaussian
    model, guide = (poutine.scale(f, 0.01) for f in (oracle.model, oracle.guide))
    plain = log_evidence(oracle.model, oracle.guide, x, num_particles=30, seed=0)
    scaled = log_evidence(model, guide, x, num_particles=30, seed=0)
    assert torch.equal(plain.log_px, scaled.log_px)


@pytest.mark.parametrize("style", sorted(STYLES.keys() - {"subsampled_plate"}))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_style_of_pair(style, dtype):
    with pyro.settings.context(module_local_params=style == "pyro_module_local"):
        pair = STYLES[style](dtype)
        found = log_evidence(pair.model, pair.guide, *pair.args, num_particles=30, chunk=50)
    assert found.log_px.shape == (pair.batch_size,) and found.log_px.isfinite().all()


def test_smoothed_evidence_is_close_and_less_noisy():
    oracle, x = underdispersed(0.6)
    found = log_evidence(oracle.model, oracle.guide, x.expand(2000, -1), num_particles=500, seed=0)
    exact = oracle.log_px(x).item()
    raw, smooth = ((f - exact).square().mean() for f in (found.log_px, found.log_px_psis))
    assert smooth < raw
    assert (found.log_px_psis.mean() - exact).abs() < 0.05
    assert log_evidence(oracle.model, oracle.guide, x, num_particles=24).log_px_psis.isnan().all()
