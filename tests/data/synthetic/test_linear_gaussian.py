"""`LinearGaussian` against numbers known in advance, textbook formulas and sampling."""

import math

import numpy as np
import pyro
import pytest
import torch
from pyro import poutine
from pyro.infer import SVI, Trace_ELBO
from scipy.special import loggamma

from pyrovae.data.synthetic import LinearGaussian
from pyrovae.data.synthetic.base import expected_log_mean_from_moments
from pyrovae.errors import ConfigError, ShapeError
from tests.oracles import (
    GAMMA_BIAS,
    LG2,
    UNDERDISPERSED,
    exact_gamma_bias,
    lg2,
    lg2_by_hand,
    lg2_iwae_by_quadrature,
    phi_gradient,
    underdispersed,
    z_scores,
)

SIZES = [(3, 1), (4, 2), (5, 2), (7, 3)]  # D, L


@pytest.fixture(autouse=True)
def _clean_store():
    pyro.clear_param_store()


def random_pair(data_dim, latent_dim, seed=0):
    pair = LinearGaussian.random(data_dim, latent_dim, seed=seed)
    return pair, pair.sample(4, seed=seed + 1)


def close(actual, expected, atol):
    actual = torch.as_tensor(actual).detach()
    expected = torch.as_tensor(expected, dtype=torch.float64).detach().to(actual)
    torch.testing.assert_close(actual, expected.expand_as(actual), atol=atol, rtol=0)


def log_weights(pair, x, num_particles, seed=0):
    pyro.set_rng_seed(seed)
    with pyro.plate("particles", num_particles, dim=-2):
        guide = poutine.trace(pair.guide).get_trace(x)
        model = poutine.trace(poutine.replay(pair.model, trace=guide)).get_trace(x)
    return _sites(model) - _sites(guide)


def _sites(trace):
    trace.compute_log_prob()
    return sum(s["log_prob"] for n, s in trace.nodes.items() if n in ("z", "x"))  # [K, B]


# --- the fixture ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["log_px", "elbo", "reconstruction", "kl", "kl_to_posterior", "eubo", "weight_variance"],
)
def test_closed_forms_of_the_fixture(name):
    pair, x = lg2()
    value = getattr(pair, name)(x)
    assert value.shape == (1,)
    close(value, LG2[name], 1e-10)
    close(value, lg2_by_hand()[name], 1e-11)


def test_formulas_by_hand_give_the_printed_numbers():
    for name, value in lg2_by_hand().items():
        printed = LG2["grad_phi"][1] if name == "grad_phi_1" else LG2[name]
        np.testing.assert_allclose(value, printed, atol=1e-9, err_msg=name)


def test_posterior_of_the_fixture():
    pair, x = lg2()
    posterior = pair.posterior(x)
    assert posterior.batch_shape == (1,) and posterior.event_shape == (2,)
    close(posterior.loc[0], LG2["posterior_loc"], 1e-9)
    close(posterior.precision_matrix[0], LG2["posterior_precision"], 1e-9)


def test_gradients_in_the_bias():
    pair, x = lg2()
    close(
        torch.autograd.grad(pair.log_px(x).sum(), pair.decoder.loc)[0],
        LG2["grad_bias_log_px"],
        1e-9,
    )
    close(
        torch.autograd.grad(pair.elbo(x).sum(), pair.decoder.loc)[0], LG2["grad_bias_elbo"], 1e-9
    )


@pytest.mark.parametrize("num_particles", LG2["iwae"])
def test_iwae_of_the_fixture(num_particles):
    pair, x = lg2()
    digits = 1e-9 if num_particles in (1, 2, 5, 10, 50) else 5e-8  # the others are printed shorter
    close(pair.iwae(x, num_particles), LG2["iwae"][num_particles], digits)


@pytest.mark.parametrize("num_particles", [1, 2, 3, 10, 500])
def test_iwae_agrees_with_two_dimensional_quadrature(num_particles):
    pair, x = lg2()
    close(pair.iwae(x, num_particles), lg2_iwae_by_quadrature(num_particles), 1e-10)


def test_iwae_with_one_particle_is_the_elbo():
    for sizes in SIZES:
        pair, x = random_pair(*sizes)
        close(pair.iwae(x, 1), pair.elbo(x), 1e-10)


def test_bias_law():
    pair, x = lg2()
    log_px, second = pair.log_px(x).item(), pair.weight_variance(x).item()
    raw = [pair.weight_moment(x, order).item() for order in (1, 2, 3, 4)]
    third = raw[2] - 3 * raw[1] + 2
    assert raw[0] == pytest.approx(1, abs=1e-12)
    assert third == pytest.approx(LG2["weight_mu3"], abs=1e-10)
    assert raw[3] - 4 * raw[2] + 6 * raw[1] - 3 == pytest.approx(LG2["weight_mu4"], abs=1e-10)
    for k, printed in LG2["bias_law"].items():
        gap = log_px - pair.iwae(x, k).item()
        assert 2 * k * gap / second == pytest.approx(printed, abs=5e-5)
        expansion = second / (2 * k) - (third / 3 - 0.75 * second**2) / k**2
        assert gap == pytest.approx(expansion, abs=1.0 / k**3)


@pytest.mark.parametrize("num_particles", GAMMA_BIAS)
def test_quadrature_from_moments_on_gamma_weights(num_particles):
    def log_moment(order):
        value = loggamma(1 + order.numpy().astype(complex))
        return torch.from_numpy(value if order.is_complex() else value.real)[:, None]

    value = expected_log_mean_from_moments(log_moment, num_particles, down=1.0, up=math.inf)
    assert exact_gamma_bias(1, num_particles) == pytest.approx(GAMMA_BIAS[num_particles], abs=1e-9)
    close(value[0], exact_gamma_bias(1, num_particles), 1e-11)


@pytest.mark.parametrize("scale", UNDERDISPERSED)
def test_a_narrow_guide_breaks_the_bias_law(scale):
    pair, x = underdispersed(scale)
    assert pair.weight_variance(x).isinf().all() or scale > 0.5**0.5
    for k, gap in UNDERDISPERSED[scale].items():
        close(pair.log_px(x) - pair.iwae(x, k), gap, 1e-6)


@pytest.mark.parametrize("alpha", LG2["renyi"])
def test_renyi_of_the_fixture(alpha):
    pair, x = lg2()
    value = pair.renyi(x, alpha).item()
    assert value == pytest.approx(LG2["renyi"][alpha], abs=1e-9)


def test_renyi_tends_to_the_elbo_and_never_increases():
    pair, x = lg2()
    for alpha in (1, 1 - 1e-6, 1 + 1e-9, 1 - 1e-14):
        close(pair.renyi(x, alpha), LG2["elbo"], 3e-6 if alpha == 1 - 1e-6 else 1e-8)
    values = [pair.renyi(x, alpha).item() for alpha in np.linspace(-1, 2, 50)]
    assert (np.diff(values) < 0).all()


@pytest.mark.parametrize("alpha, num_particles", LG2["renyi_finite"])
def test_finite_sample_renyi(alpha, num_particles):
    pair, x = lg2()
    close(pair.renyi(x, alpha, num_particles), LG2["renyi_finite"][alpha, num_particles], 1e-7)


@pytest.mark.parametrize("num_particles", LG2["grad_phi"])
def test_guide_gradient(num_particles):
    pair, x = lg2()
    gradient = phi_gradient(pair, pair.iwae(x, num_particles))
    close(gradient, LG2["grad_phi"][num_particles], 1e-9 if num_particles == 1 else 1e-7)


def test_guide_gradient_agrees_with_differences_of_quadrature():
    pair, x = lg2()
    gradient = phi_gradient(pair, pair.iwae(x, 3))
    phi = np.array([0.3, -0.4, math.log(0.6), math.log(0.5)])
    for i, step in enumerate(1e-4 * np.eye(4)):
        up, down = (lg2_iwae_by_quadrature(3, p[:2], p[2:]) for p in (phi + step, phi - step))
        assert gradient[i].item() == pytest.approx((up - down) / 2e-4, abs=1e-7)


def test_guide_gradient_for_many_particles():
    pair, x = lg2()
    scaled = 1024 * phi_gradient(pair, pair.iwae(x, 1024))
    close(scaled, LG2["grad_phi_times_k_at_1024"], 1e-5)
    limit = -0.5 * phi_gradient(pair, pair.weight_variance(x))
    close(limit, LG2["grad_phi_times_k_limit"], 1e-7)
    close(scaled, limit, 2e-3)


def test_ess():
    pair, x = lg2()
    close(pair.ess(x), LG2["ess"], 1e-5)
    narrow, x = underdispersed(0.5)
    close(narrow.ess(x), 0.0, 0)


# --- random pairs -----------------------------------------------------------------------------


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("seed", [0, 10])
def test_identities_on_random_pairs(sizes, seed):
    pair, x = random_pair(*sizes, seed)
    log_px, elbo = pair.log_px(x), pair.elbo(x)
    assert (elbo < log_px - 1e-3).all(), "the guide must not be the posterior"
    close(elbo, (log_px - pair.kl_to_posterior(x)), 1e-9)
    close(elbo, (pair.reconstruction(x) - pair.kl(x)), 1e-12)
    assert (pair.eubo(x) > log_px).all()
    assert (pair.weight_variance(x) > 0).all() and pair.weight_variance(x).isfinite().all()
    bounds = torch.stack([pair.iwae(x, k) for k in (1, 2, 3, 10, 100, 5000)])
    assert (bounds.diff(dim=0) > 0).all() and (bounds[-1] < log_px).all()
    twice = 2 * elbo - bounds[1]  # the expected alpha = 2 estimator at K = 2, for every model
    close(pair.renyi(x, 2, 2), twice, 1e-9)


@pytest.mark.parametrize("sizes", SIZES)
def test_bayes_rule_holds_at_any_latent(sizes):
    pair, x = random_pair(*sizes)
    z = torch.randn(4, sizes[1], dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    joint = pair.decoder(z).log_prob(x) + torch.distributions.Normal(0, 1).log_prob(z).sum(-1)
    close(pair.posterior(x).log_prob(z), (joint - pair.log_px(x)), 1e-9)


def test_evidence_is_normalised():
    pair = LinearGaussian.random(2, 1, seed=4)
    grid = torch.linspace(-12, 12, 241, dtype=torch.float64)
    x = torch.cartesian_prod(grid, grid)
    close(pair.log_px(x).exp().sum() * 0.1**2, 1.0, 1e-9)


def test_sampling_agrees_with_every_exact_number():
    pair, x = random_pair(5, 2)
    n = 100_000
    with torch.no_grad():
        log_w = log_weights(pair, x, n)
        ratio = (log_w - pair.log_px(x)).exp()
        per_group = log_w.reshape(n // 10, 10, 4)
        found = {
            "elbo": z_scores(log_w, pair.elbo(x)),
            "mean weight": z_scores(ratio, 1.0),
            "second moment": z_scores(ratio**2, 1 / pair.ess(x)),
            "iwae": z_scores(per_group.logsumexp(1) - math.log(10), pair.iwae(x, 10)),
            "renyi": z_scores(
                2 * ((0.5 * per_group).logsumexp(1) - math.log(10)), pair.renyi(x, 0.5, 10)
            ),
        }
    for name, score in found.items():
        assert score.abs().max() < 4.5, (name, score)


def test_samples_have_the_moments_of_the_model():
    pair = LinearGaussian.random(3, 2, seed=5)
    x = pair.sample(50_000, seed=6)
    weight, bias = pair.decoder.weight.detach(), pair.decoder.loc.detach()
    covariance = weight @ weight.T + torch.eye(3) * pair.decoder.log_scale.detach().exp() ** 2
    centred = x - bias
    assert z_scores(x, bias).abs().max() < 4.5
    assert z_scores(centred[:, :, None] * centred[:, None], covariance).abs().max() < 4.5
    assert torch.equal(x[:3], pair.sample(50_000, seed=6)[:3])


# --- as a pair of Pyro programs ---------------------------------------------------------------


@pytest.mark.parametrize("full", [False, True])
def test_particle_plate_adds_a_leading_axis(full):
    base, x = random_pair(5, 2)
    pair = LinearGaussian(base.decoder.weight, base.decoder.loc, 0.8) if full else base
    assert log_weights(pair, x, 7).shape == (7, 4)


def test_default_guide_is_the_posterior():
    base, x = random_pair(5, 2)
    pair = LinearGaussian(base.decoder.weight, base.decoder.loc, 0.8)
    for value in (pair.elbo(x), pair.iwae(x, 5), pair.renyi(x, 2.0), pair.eubo(x)):
        close(value, pair.log_px(x), 1e-10)
    log_w = log_weights(pair, x, 3)
    close(log_w, pair.log_px(x).expand(3, 4), 1e-9)
    gradient = torch.autograd.grad(pair.iwae(x, 5).sum(), list(pair.encoder.parameters()))
    assert all(g.abs().max() < 1e-9 for g in gradient)


def test_svi_trains_model_and_guide():
    pair, x = random_pair(5, 2)
    before = pair.elbo(x).sum().item()
    start = [p.detach().clone() for p in pair.parameters()]
    pyro.set_rng_seed(0)
    svi = SVI(pair.model, pair.guide, pyro.optim.Adam({"lr": 0.02}), Trace_ELBO())
    for _ in range(40):
        svi.step(x)
    assert pair.elbo(x).sum().item() > before + 0.5
    assert all(not torch.equal(a, b) for a, b in zip(start, pair.parameters(), strict=True))
    assert set(pyro.get_param_store().keys()) == {
        f"linear_gaussian.{side}$$${leaf}"
        for side in ("decoder", "encoder")
        for leaf in ("weight", "loc", "log_scale")
    }


def test_single_precision_programs_keep_exact_numbers_double():
    pair, x = lg2(torch.float32)
    assert pair.elbo(x).dtype == torch.float64
    close(pair.iwae(x, 5), LG2["iwae"][5], 1e-5)
    assert log_weights(pair, x, 2).dtype == torch.float32
    pair.to(torch.float64)
    assert log_weights(pair, x.double(), 2).dtype == torch.float64


@pytest.mark.parametrize(
    "keywords, error",
    [
        ({"q_loc": torch.zeros(2)}, ConfigError),
        ({"q_scale": torch.ones(2)}, ConfigError),
        ({"q_loc": torch.zeros(2), "q_scale": torch.tensor([1.0, -1.0])}, ConfigError),
        ({"q_loc": torch.zeros(3), "q_scale": torch.ones(3)}, ShapeError),
        ({"q_loc": torch.zeros(2), "q_scale_tril": torch.ones(2)}, ShapeError),
    ],
)
def test_guides_that_do_not_fit_are_refused(keywords, error):
    with pytest.raises(error, match="LinearGaussian"):
        LinearGaussian(torch.ones(4, 2), torch.zeros(4), 1.0, **keywords)


def test_bad_arguments_are_refused():
    pair, x = lg2()
    with pytest.raises(ShapeError, match=r"needs \[B, 5\]"):
        pair.elbo(x[0])
    with pytest.raises(ShapeError, match=r"needs \[B, 5\]"):
        pair.model(x[:, :4])
    with pytest.raises(ConfigError, match="num_particles=0"):
        pair.iwae(x, 0)
    with pytest.raises(ConfigError, match="positive"):
        LinearGaussian(torch.ones(4, 2), torch.zeros(4), 0.0)
    wide = LinearGaussian(
        torch.ones(4, 1), torch.zeros(4), 0.01, q_loc=torch.zeros(1), q_scale=torch.ones(1)
    )
    with pytest.raises(ConfigError, match="wider than the posterior"):
        wide.iwae(torch.zeros(1, 4), 1)
