"""Closed form, EM and gradients agree, with scikit-learn and with the exact oracle beside them."""

import math

import numpy as np
import pyro
import pytest
import torch
from scipy.linalg import subspace_angles
from sklearn import decomposition
from torch.distributions import MultivariateNormal, kl_divergence

from pyrovae import active_units, fit, log_evidence
from pyrovae.data import LinearGaussian
from pyrovae.errors import ConfigError, ShapeError
from pyrovae.models import FactorAnalysis, ProbabilisticPCA, e_step, m_step
from pyrovae.models.linear import LinearVAE
from pyrovae.objectives import ELBO, Beta
from pyrovae.train.optim import schedules

SPECTRUM = torch.tensor([4, 2, 1, 0.5, 0.3, 0.2], dtype=torch.float64)
KINDS = {"pPCA": ProbabilisticPCA, "FA": FactorAnalysis}
FORMS = ["full", "diagonal"]


@pytest.fixture(autouse=True)
def seed():
    pyro.clear_param_store()
    pyro.set_rng_seed(0)


def _data(n=200):
    """Data whose covariance has exactly this spectrum [N, 6]."""
    x = torch.randn(n, 6).double()
    u, _, _ = torch.linalg.svd(x - x.mean(0), full_matrices=False)
    turn = torch.linalg.qr(torch.randn(6, 6).double()).Q
    return (math.sqrt(n) * u * SPECTRUM.sqrt()) @ turn.T + torch.arange(6) / 2


def _factor_data(n=200):
    """Data from a factor analysis, whose likelihood has a clear top [N, 6]."""
    weight = torch.tensor([[1, 1, 1, 0, 0, 0], [0, 0, 0.5, 1, -1, 1]]).double()
    noise = torch.linspace(0.4, 1.0, 6, dtype=torch.float64)
    return torch.randn(n, 2).double() @ (2 * weight) + noise * torch.randn(n, 6).double()


DATA = {"pPCA": _data, "FA": _factor_data}


def _random(kind, form="full", latent_dim=2):
    pair = KINDS[kind]((6,), latent_dim, covariance=form).double()
    with torch.no_grad():
        for parameter in pair.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return pair


def _em(pair, x, steps=1500):
    for _ in range(steps):
        e_step(pair)
        m_step(pair, x)
    e_step(pair)
    return pair


def _angle(a, b):
    """Between the subspaces of two pairs, or of a pair and a matrix [D, L], in radians."""
    b = b.decoder.weight.detach().numpy() if isinstance(b, LinearVAE) else b
    return float(subspace_angles(a.decoder.weight.detach().numpy(), b).max())


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", KINDS)
def test_exact_quantities_by_hand(kind, form):
    pair, x = _random(kind, form, latent_dim=3), _data(7)
    weight, noise = pair.decoder.weight, pair.variance().diag()
    whole = MultivariateNormal(pair.decoder.loc, weight @ weight.T + noise)
    torch.testing.assert_close(pair.log_px(x), whole.log_prob(x))
    gain = weight.T @ torch.linalg.inv(whole.covariance_matrix)
    exact = pair.posterior(x)
    torch.testing.assert_close(exact.mean, (x - pair.decoder.loc) @ gain.T)
    torch.testing.assert_close(exact.covariance_matrix[0], torch.eye(3).double() - gain @ weight)
    q = pair.encode(x)
    q = q if form == "full" else MultivariateNormal(q.mean, scale_tril=torch.diag_embed(q.stddev))
    torch.testing.assert_close(pair.elbo(x), pair.log_px(x) - kl_divergence(q, exact))
    p = ELBO(closed_form_kl=True, num_particles=20_000).per_datum(pair.model, pair.guide, x)
    torch.testing.assert_close(p, pair.elbo(x), rtol=0.05, atol=0.2)


def test_the_oracle_of_the_library_agrees():
    pair, x = _random("pPCA"), _data(7)
    oracle = LinearGaussian(
        pair.decoder.weight.detach(), pair.decoder.loc.detach(),
        pair.variance()[0].sqrt().detach(),
        q_loc=-(pair.encoder.weight @ pair.encoder.center).detach(),
        q_weight=pair.encoder.weight.detach(), q_scale_tril=pair.encoder.scale_tril().detach(),
    )  # fmt: skip
    for name in ("log_px", "elbo"):
        torch.testing.assert_close(getattr(pair, name)(x), getattr(oracle, name)(x))


@pytest.mark.parametrize("form", FORMS)
def test_closed_form_of_probabilistic_pca(form):
    x, pair = _data(), ProbabilisticPCA((6,), 2, covariance=form).double()
    torch.testing.assert_close(pair.solve(x), torch.tensor([3.5, 1.5]).double())
    assert pair.variance()[0].item() == pytest.approx(0.5)  # the mean of what is left over
    exact = -0.5 * (6 * math.log(2 * math.pi) + SPECTRUM[:2].log().sum() + 4 * math.log(0.5) + 6)
    assert pair.log_px(x).mean().item() == pytest.approx(exact.item(), abs=1e-10)
    torch.testing.assert_close(pair.elbo(x), pair.log_px(x))  # the guide is exact
    theirs = decomposition.PCA(2).fit(x.numpy())  # it divides by N - 1
    assert theirs.noise_variance_ * 199 / 200 == pytest.approx(0.5)
    assert _angle(pair, theirs.components_.T) < 1e-7
    found = log_evidence(pair.model, pair.guide, x[:5], num_particles=30)
    torch.testing.assert_close(found.log_px, pair.log_px(x[:5]).detach())


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", KINDS)
def test_each_step_of_em_raises_the_bound(kind, form):
    x, pair = _data(), _random(kind, form)
    last = -math.inf
    for _ in range(10):
        for step in (lambda: e_step(pair), lambda: m_step(pair, x)):
            step()
            bound = pair.elbo(x).mean().item()
            assert bound >= last - 1e-12
            last = bound
    # Both steps are at the top: nothing near is better.
    tops = ((pair.decoder, lambda: m_step(pair, x)), (pair.encoder, lambda: e_step(pair)))
    for part, step in tops:
        step()
        for slope in torch.autograd.grad(pair.elbo(x).mean(), list(part.parameters())):
            assert slope.abs().max() < 1e-9


def test_em_reaches_the_closed_form():
    x, exact = _data(), ProbabilisticPCA((6,), 2).double()
    exact.solve(x)
    em = _em(ProbabilisticPCA((6,), 2).double(), x)
    assert em.log_px(x).mean().item() == pytest.approx(exact.log_px(x).mean().item(), abs=1e-9)
    assert _angle(em, exact) < 1e-5
    torch.testing.assert_close(em.elbo(x), em.log_px(x))


def test_em_reaches_scikit_learns_factor_analysis():
    x = _factor_data()
    em = _em(FactorAnalysis((6,), 2).double(), x)
    theirs = decomposition.FactorAnalysis(2, tol=1e-9, max_iter=20_000, svd_method="lapack")
    theirs.fit(x.numpy())
    assert em.log_px(x).mean().item() == pytest.approx(theirs.score(x.numpy()), abs=1e-7)
    np.testing.assert_allclose(em.variance().detach(), theirs.noise_variance_, rtol=1e-3)
    assert _angle(em, theirs.components_.T) < 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_reach_em(kind):
    x = DATA[kind]()
    em = _em(KINDS[kind]((6,), 2).double(), x, steps=300)
    svi = KINDS[kind]((6,), 2).double()
    svi.start(x)
    fit(svi.model, svi.guide, x, objective=ELBO(8, closed_form_kl=True), epochs=120, lr=0.1,
        batch_size=200, schedule=schedules.cosine(), device="cpu", progress=False)  # fmt: skip
    best = em.log_px(x).mean().item()
    assert best - 5e-3 < svi.log_px(x).mean().item() < best + 1e-6
    assert best - 1e-2 < svi.elbo(x).mean().item()
    assert _angle(svi, em) < 0.1


@pytest.mark.parametrize("kind", KINDS)
def test_the_elbo_is_a_divergence_of_two_joints(kind):
    """Its mean over a normal q(x) is -KL(q(x) q(z|x) || p(x, z)) - H(q(x))."""
    pair, x = _random(kind), _data()
    off = x - x.mean(0)
    covariance = off.T @ off / len(x)  # the bound is quadratic: these moments are all of q(x)
    v, w = pair.encoder.weight, pair.decoder.weight
    tril, eye = pair.encoder.scale_tril(), torch.eye(2).double()
    upper = covariance @ v.T
    joint_q = MultivariateNormal(
        torch.cat([x.mean(0), v @ (x.mean(0) - pair.encoder.center)]),
        _blocks(covariance, upper, v @ upper + tril @ tril.T),
    )
    joint_p = MultivariateNormal(
        torch.cat([pair.decoder.loc, torch.zeros(2).double()]),
        _blocks(w @ w.T + pair.variance().diag(), w, eye),
    )
    entropy = MultivariateNormal(x.mean(0), covariance).entropy()
    expected = -kl_divergence(joint_q, joint_p) - entropy
    torch.testing.assert_close(pair.elbo(x).mean(), expected)


def _blocks(a, b, c):
    return torch.cat([torch.cat([a, b], 1), torch.cat([b.T, c], 1)])


def test_the_optimum_under_beta_with_a_learned_noise():
    x, pair = _data(), ProbabilisticPCA((6,), 2).double()
    torch.testing.assert_close(pair.solve(x, beta=1.5), torch.tensor([3.0, 1.0]).double())
    assert pair.variance()[0].item() == pytest.approx(2 / 3)
    best = pair.elbo(x, beta=1.5).mean()
    assert best.item() == pytest.approx(-8.8568170312, abs=1e-9)
    leaves = list(pair.parameters())
    for slope in torch.autograd.grad(best, leaves):
        assert slope.abs().max() < 1e-9
    assert pair.solve(x, beta=4.0).tolist() == [0.0, 0.0]  # D < beta k: nothing is worth its KL


@pytest.mark.parametrize("beta", [0.5, 1.5, 3.0, 6.0, 10.0])
def test_a_direction_collapses_at_its_threshold(beta):
    """Noise fixed at 1/2: active are the eigenvalues above beta / 2, and trained units agree."""
    x, options = _data(), {"init_scale": 0.5**0.5, "learn_scale": False}
    exact = ProbabilisticPCA((6,), 4, **options).double()
    lengths = exact.solve(x, beta)
    torch.testing.assert_close(lengths, (SPECTRUM[:4] - beta / 2).clamp(min=0))
    trained = ProbabilisticPCA((6,), 4, covariance="diagonal", **options).double()
    trained.start(x)
    fit(trained.model, trained.guide, x, objective=Beta(beta, 4), epochs=250, lr=0.1,
        batch_size=200, schedule=schedules.cosine(), device="cpu", progress=False)  # fmt: skip
    best = exact.elbo(x, beta).mean().item()
    assert best - 0.02 < trained.elbo(x, beta).mean().item() < best + 1e-6
    assert active_units(trained.model, trained.guide, x).count == (lengths > 0).sum()
    found = torch.linalg.svdvals(trained.decoder.weight.detach()).square()
    torch.testing.assert_close(found, lengths, atol=0.1, rtol=0.05)


def test_fixed_noise_stays():
    x, pair = _data(), ProbabilisticPCA((6,), 2, init_scale=0.3, learn_scale=False).double()
    for step in (lambda: pair.start(x), lambda: m_step(pair, x), lambda: pair.solve(x)):
        step()
        assert pair.variance()[0].item() == pytest.approx(0.09)


def test_elements_that_never_change_stop_at_the_floor():
    x, pair = _data(), FactorAnalysis((6,), 2, min_scale=0.05).double()
    x[:, 3] = 1.0
    _em(pair, x, steps=50)
    assert pair.variance()[3].item() == pytest.approx(0.05**2)
    assert pair.log_px(x).isfinite().all()


def test_images_and_errors():
    pair = ProbabilisticPCA((1, 2, 3), 2)
    x = torch.randn(9, 1, 2, 3)
    pair.solve(x)
    assert pair.reconstruct(x).shape == x.shape and pair.generate(4).shape == (4, 1, 2, 3)
    assert pair.decode(torch.zeros(5, 4, 2)).batch_shape == (5, 4)
    for wrong in ({"latent_dim": 0}, {"covariance": "low"}, {"init_scale": 1e-9}):
        with pytest.raises(ConfigError, match="ProbabilisticPCA got"):
            ProbabilisticPCA((6,), **{"latent_dim": 2, **wrong})
    for call in (pair.solve, pair.log_px, pair.encode, lambda x: m_step(pair, x)):
        with pytest.raises(ShapeError, match="data of shape"):
            call(x.flatten(1))
    with pytest.raises(ConfigError, match="beta=0"):
        pair.solve(x, beta=0.0)
    with pytest.raises(ShapeError, match="cannot be larger than that"):
        ProbabilisticPCA((2,), 3).solve(torch.randn(9, 2))
