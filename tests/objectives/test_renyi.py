"""The Renyi bound against exact values, through alpha = 1, and against Pyro's own."""

from types import SimpleNamespace

import pyro
import pytest
import torch
from pyro import poutine
from pyro.infer import RenyiELBO

from pyrovae.data import DiscreteLatent, LinearGaussian
from pyrovae.objectives import ELBO, IWAE, Renyi
from pyrovae.particles.parameters import trainable
from tests.objectives.copies import discrete_copies, gaussian_copies, gaussian_truth
from tests.oracles import LG2, lg2, t15, z_scores
from tests.pairs import STYLES


def _bounds(objective, pair, x, copies):
    many = x.repeat(copies, 1)
    return objective.per_datum(pair.model, pair.guide, many).reshape(copies, len(x))


def _log_w(dtype, shape=(64, 5), scale=3.0):
    rng = torch.Generator().manual_seed(2)
    return (scale * torch.randn(shape, generator=rng, dtype=torch.float64) - 90).to(dtype)


def _bound(alpha, log_w):
    return Renyi(alpha, log_w.shape[0]).bound(SimpleNamespace(log_w=log_w))


@pytest.mark.parametrize(("alpha", "num_particles"), LG2["renyi_finite"])
def test_mean_is_exact(alpha, num_particles):
    pair, x = lg2()
    bounds = _bounds(Renyi(alpha, num_particles), pair, x, 500_000 // max(5, num_particles))
    assert abs(z_scores(bounds, LG2["renyi_finite"][alpha, num_particles])) < 4.5


@pytest.mark.parametrize("alpha", [0.5, 2.0, -0.5])
@pytest.mark.parametrize("data_dim,latent_dim,seed", [(3, 1, 0), (7, 4, 1)])
def test_mean_on_random_models(alpha, data_dim, latent_dim, seed):
    pair = LinearGaussian.random(data_dim, latent_dim, seed=seed)
    x = pair.sample(3, seed=1)
    bounds = _bounds(Renyi(alpha, 4), pair, x, 20_000)
    assert (z_scores(bounds, pair.renyi(x, alpha, 4)).abs() < 4.5).all()


def test_many_particles_reach_the_bound():
    """Orders whose expectation exists: -1 lies above log p(x), 2 below the ELBO."""
    pair, x = lg2()
    for alpha in (-1, -0.5, 0.5, 0.9):
        value = _bounds(Renyi(alpha, 20_000), pair, x, 30).mean().item()
        assert value == pytest.approx(LG2["renyi"][alpha], abs=5e-3), alpha
    assert LG2["renyi"][-1] > LG2["log_px"]


def test_never_increases_with_alpha():
    log_w = _log_w(torch.float64)
    values = torch.stack([_bound(a, log_w) for a in (-3, -1, 0, 0.5, 0.99, 1, 1.01, 2, 5)])
    assert (values.diff(dim=0) < 0).all()


def test_two_particles_at_order_two():
    """2 ELBO - IWAE, draw by draw, for every model."""
    for style in ("hierarchy", "param_functions"):
        pair = STYLES[style](torch.float64)
        values = []
        for objective in (Renyi(2.0, 2), ELBO(2), IWAE(2)):
            pyro.set_rng_seed(4)
            values.append(objective.per_datum(pair.model, pair.guide, *pair.args))
        torch.testing.assert_close(values[0], 2 * values[1] - values[2], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("alpha", [0, 0.0])
def test_order_zero_is_the_importance_weighted_bound(alpha):
    log_w = _log_w(torch.float64).requires_grad_()
    iwae = IWAE(64).bound(SimpleNamespace(log_w=log_w))
    ours = _bound(alpha, log_w)
    torch.testing.assert_close(ours, iwae, rtol=1e-13, atol=1e-13)
    gradients = [torch.autograd.grad(b.sum(), log_w)[0] for b in (ours, iwae)]
    torch.testing.assert_close(*gradients, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("alpha", [1, 1.0])
def test_order_one_is_the_elbo(alpha):
    log_w = _log_w(torch.float64)
    torch.testing.assert_close(_bound(alpha, log_w), log_w.mean(0), rtol=0, atol=1e-12)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("distance", [1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8])
def test_close_to_order_one_in_single_precision(sign, distance):
    """The value keeps its digits, where 1 / (1 - alpha) multiplies rounding by up to 1e8."""
    log_w = _log_w(torch.float32)
    alpha = 1 + sign * distance
    exact = log_w.double()
    order = torch.tensor(1 - alpha).double()
    centred = order * (exact - exact.mean(0))
    truth = exact.mean(0) + torch.log1p(torch.expm1(centred).mean(0)) / order
    leaf = log_w.clone().requires_grad_()
    value = _bound(alpha, leaf)
    assert value.dtype == torch.float32
    torch.testing.assert_close(value.double(), truth, rtol=1e-6, atol=0)
    # To first order the distance from the ELBO is (1 - alpha) / 2 times the variance.
    if distance <= 1e-3:
        gap = value.double() - exact.mean(0)
        bound = 1.2 * distance / 2 * exact.var(0) + 1e-4
        assert (gap.abs() < bound).all()
    (gradient,) = torch.autograd.grad(value.sum(), leaf)
    expected = torch.softmax(order * exact, 0)
    torch.testing.assert_close(gradient.double(), expected, rtol=1e-4, atol=1e-6)


def test_large_spreads_do_not_overflow():
    log_w = _log_w(torch.float32, scale=300.0)
    for alpha in (-1.0, 0.0, 0.5, 0.999, 1.0, 1.001, 2.0):
        leaf = log_w.clone().requires_grad_()
        value = _bound(alpha, leaf)
        assert value.isfinite().all()
        (gradient,) = torch.autograd.grad(value.sum(), leaf)
        torch.testing.assert_close(gradient.sum(0), torch.ones(5), rtol=1e-4, atol=0)


def test_a_weight_of_zero():
    """Finite below order one, as the weights' mean is; minus infinity from there on."""
    log_w = torch.tensor([[0.0, 1.0], [-torch.inf, 0.5], [0.7, 0.1]])
    for alpha in (-1.0, 0.0, 0.5):
        leaf = log_w.clone().requires_grad_()
        value = _bound(alpha, leaf)
        expected = ((1 - alpha) * log_w).exp().mean(0).log() / (1 - alpha)
        torch.testing.assert_close(value, expected)
        (gradient,) = torch.autograd.grad(value.sum(), leaf)
        assert gradient.isfinite().all()
    for alpha in (1.0, 2.0):
        assert _bound(alpha, log_w)[0] == -torch.inf
        assert _bound(alpha, log_w)[1].isfinite()
    assert _bound(0.5, torch.full((3, 1), -torch.inf)) == -torch.inf


@pytest.mark.parametrize("alpha", [-0.5, 0.5, 1 - 1e-7, 2.0])
def test_gradient_is_unbiased(alpha):
    pair, x = lg2()
    truth = gaussian_truth(
        pair, x, pair.elbo if abs(alpha - 1) < 1e-6 else lambda x: pair.renyi(x, alpha, 3)
    )
    gradients = gaussian_copies(pair, x, 100_000).gradients(Renyi(alpha, 3))
    scores = z_scores(gradients, truth)
    assert (scores.abs() < 4.5).all(), scores


def test_gradient_without_a_reparameterised_sampler():
    """Exact at order zero for discrete latents too, where Pyro's own guide gradient is zero."""
    pair = DiscreteLatent.random(data_dim=5, latent_dim=2, seed=4)
    x = pair.sample(1, seed=1)
    (truth,) = torch.autograd.grad(pair.iwae(x, 2).sum(), [pair.encoder.loc])
    scores = z_scores(discrete_copies(pair, x, 50_000).gradients(Renyi(0.0, 2)), truth)
    assert (scores.abs() < 4.5).all(), scores

    pair, x = t15()
    RenyiELBO(alpha=0, num_particles=2, vectorize_particles=True).loss_and_grads(
        pair.model, pair.guide, x
    )
    assert pair.encoder.loc.grad is None or (pair.encoder.loc.grad == 0).all()


@pytest.mark.parametrize("alpha", [-1.0, 0.0, 0.5, 2.0])
@pytest.mark.parametrize("style", ["param_functions", "module_functions"])
def test_equals_pyros_own_at_one_seed(style, alpha):
    pair = STYLES[style](torch.float64)
    call = (pair.model, pair.guide, *pair.args)
    leaves = trainable(*call)
    theirs = RenyiELBO(alpha=alpha, num_particles=5, vectorize_particles=True, max_plate_nesting=1)
    found = []
    for objective in (Renyi(alpha, 5, max_plate_nesting=1), theirs):
        pyro.set_rng_seed(7)
        loss = float(objective.loss_and_grads(*call))
        found.append((loss, {n: leaf.grad.clone() for n, leaf in leaves.items()}))
        for leaf in leaves.values():
            leaf.grad = None
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-12)
    for name in leaves:
        torch.testing.assert_close(found[0][1][name], found[1][1][name], rtol=1e-9, atol=1e-11)


def test_a_scale_leaves_the_order_alone():
    """In Pyro's own a scale c turns alpha into 1 - c (1 - alpha)."""
    pair, x = lg2()
    scaled = [poutine.scale(f, scale=0.25) for f in (pair.model, pair.guide)]
    losses = []
    for model, guide in ((pair.model, pair.guide), scaled):
        pyro.set_rng_seed(3)
        losses.append(Renyi(0.5, 20).loss(model, guide, x.expand(7, -1)))
    torch.testing.assert_close(losses[1], 0.25 * losses[0], rtol=1e-12, atol=0)


def test_repr_shows_the_order():
    assert repr(Renyi(0.5, 3)) == "Renyi(alpha=0.5, num_particles=3)"
