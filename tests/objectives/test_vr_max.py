"""The best particle: its expectation by order statistics, and where its gradient goes."""

import math

import pytest
import torch

from pyrovae.data import DiscreteLatent, LinearGaussian
from pyrovae.objectives import IWAE, PathELBO, Renyi, VRMax
from tests.objectives.copies import gaussian_copies, two_sample_z
from tests.oracles import lg2, phi_gradient, z_scores


def _expected_max(pair, x, num_particles, n=200_001):
    """E max_k log w_k of a pair with one latent: order statistics on a grid of quantiles."""
    grid = (torch.arange(n).double() + 0.5) / n
    z = pair._q(x).loc.squeeze() + pair.encoder.log_scale.exp() * torch.special.ndtri(grid)
    weight, bias, variance = pair._likelihood()
    log_lik = -0.5 * ((x - bias - z[:, None] * weight.T) ** 2 / variance).sum(-1)
    log_lik = log_lik - 0.5 * x.shape[-1] * (2 * math.pi * variance).log()
    log_prior = -0.5 * (z**2 + math.log(2 * math.pi))
    noise = torch.special.ndtri(grid)
    log_q = -0.5 * (noise**2 + math.log(2 * math.pi)) - pair.encoder.log_scale
    ordered = (log_lik + log_prior - log_q).sort().values
    below = torch.arange(n + 1).double() / n
    return (below**num_particles).diff() @ ordered


@pytest.mark.parametrize("num_particles", [1, 2, 10])
def test_value_and_gradient_by_order_statistics(num_particles):
    pair = LinearGaussian.random(3, 1, seed=0)
    x = pair.sample(1, seed=1)
    truth = _expected_max(pair, x, num_particles)
    bounds = VRMax(num_particles).per_datum(pair.model, pair.guide, x.expand(50_000, -1))
    assert abs(z_scores(bounds, truth.item())) < 4.5
    gradients = gaussian_copies(pair, x, 50_000).gradients(VRMax(num_particles))
    assert (z_scores(gradients[:, :2], phi_gradient(pair, truth)).abs() < 4.5).all()


def test_is_the_limit_of_the_renyi_bounds_and_close_to_the_importance_weighted_one():
    pair, x = lg2()
    p = VRMax(8).draw(pair.model, pair.guide, x.expand(50, -1))
    best, bound = VRMax(8).bound(p), IWAE(8).bound(p)
    torch.testing.assert_close(Renyi(-1e6, 8).bound(p), best, rtol=0, atol=1e-5)
    assert ((bound <= best) & (best <= bound + math.log(8))).all()


def test_only_the_best_particle_moves():
    pair, x = lg2()
    p = VRMax(6).draw(pair.model, pair.guide, x.expand(40, -1))
    (gradient,) = torch.autograd.grad(VRMax(6).surrogate(p).sum(), p.log_w)
    one_hot = torch.nn.functional.one_hot(p.log_w.argmax(0), 6).T
    torch.testing.assert_close(gradient, one_hot.double())


class _PathOnly(PathELBO):
    def bound(self, p):
        return p.log_w.amax(0)

    def weights(self, p):
        best = (p.log_w == p.log_w.amax(0)).to(p.log_w.dtype)
        return best, best


def test_leaving_out_the_score_would_point_the_other_way():
    pair, x = lg2()
    gradients = [
        gaussian_copies(pair, x, 20_000).gradients(made(5))[:, :2] for made in (VRMax, _PathOnly)
    ]
    assert (two_sample_z(*gradients).abs() > 20).all()
    assert (gradients[0].mean(0) * gradients[1].mean(0) < 0).all()


def test_discrete_latents():
    pair = DiscreteLatent.random(data_dim=5, latent_dim=2, seed=4)
    VRMax(3).loss_and_grads(pair.model, pair.guide, pair.sample(4, seed=1))
    assert pair.encoder.loc.grad.abs().max() > 0
