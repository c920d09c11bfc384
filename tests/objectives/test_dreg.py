"""The doubly reparameterised gradient: the bound's own in the mean, with less noise."""

import pytest
import torch

from pyrovae.data import LinearGaussian
from pyrovae.objectives import IWAE, STL, DReG
from tests.objectives.copies import gaussian_copies, gaussian_truth
from tests.oracles import LG2, lg2, z_scores


@pytest.mark.parametrize("num_particles", [1, 2, 10])
def test_gradient_is_exact(num_particles):
    """Of the guide's parameters and of the model's."""
    pair, x = lg2()
    truth = gaussian_truth(pair, x, lambda x: pair.iwae(x, num_particles))
    stored = torch.tensor(LG2["grad_phi"][num_particles]).double()
    torch.testing.assert_close(truth[:4], stored, rtol=0, atol=1e-6)
    gradients = gaussian_copies(pair, x, 200_000).gradients(DReG(num_particles))
    assert (z_scores(gradients, truth).abs() < 4.5).all()


@pytest.mark.parametrize("data_dim,latent_dim,seed", [(3, 1, 0), (7, 4, 1)])
@pytest.mark.parametrize("num_particles", [2, 7])
def test_gradient_on_random_models(data_dim, latent_dim, seed, num_particles):
    pair = LinearGaussian.random(data_dim, latent_dim, seed=seed)
    x = pair.sample(1, seed=1)
    truth = gaussian_truth(pair, x, lambda x: pair.iwae(x, num_particles))
    gradients = gaussian_copies(pair, x, 50_000).gradients(DReG(num_particles))
    assert (z_scores(gradients, truth).abs() < 4.5).all()


@pytest.mark.parametrize("alpha", [-0.5, 0.5, 0.9, 1.0, 2.0])
@pytest.mark.parametrize("seed", [None, 1])
def test_gradient_of_the_renyi_bound_is_exact(alpha, seed):
    """Against the gradient of the expectation of the finite sample's bound."""
    pair, x = lg2()
    if seed is not None:
        pair = LinearGaussian.random(6, 3, seed=seed)
        x = pair.sample(1, seed=1)
    truth = gaussian_truth(pair, x, lambda x: pair.renyi(x, alpha, 3))
    gradients = gaussian_copies(pair, x, 100_000).gradients(DReG(3, alpha))
    assert (z_scores(gradients, truth).abs() < 4.5).all()


def test_has_less_noise_than_the_plain_gradient():
    pair, x = lg2()
    ratios = []
    for num_particles in (2, 10, 50):
        plain, ours = (
            gaussian_copies(pair, x, 20_000).gradients(objective)[:, :4].var(0)
            for objective in (IWAE(num_particles), DReG(num_particles))
        )
        ratios.append((plain / ours).min().item())
    assert ratios[0] > 2
    assert ratios == sorted(ratios)


def test_sequential_particles():
    pair, x = lg2()
    truth = gaussian_truth(pair, x, lambda x: pair.iwae(x, 3))
    objective = DReG(3, vectorize_particles=False)
    gradients = gaussian_copies(pair, x, 50_000).gradients(objective)
    assert (z_scores(gradients, truth).abs() < 4.5).all()


def test_one_particle_is_the_path_derivative_of_the_elbo():
    pair, x = lg2()
    rows = []
    for objective in (DReG(1), DReG(1, alpha=0.5), STL(1)):
        torch.manual_seed(1)
        rows.append(gaussian_copies(pair, x, 100).gradients(objective))
    torch.testing.assert_close(rows[0], rows[2])
    torch.testing.assert_close(rows[1], rows[2])


@pytest.mark.parametrize("alpha", [0.0, 0.5])
def test_far_weights_do_not_overflow(alpha):
    """One particle takes all: weights of the others vanish in single precision."""
    pair, x = lg2(torch.float32)
    loss = DReG(5, alpha).loss_and_grads(pair.model, pair.guide, 100 * x)
    assert loss.isfinite()
    assert all(parameter.grad.isfinite().all() for parameter in pair.parameters())


def test_repr():
    assert repr(DReG(5, 0.5)) == "DReG(num_particles=5, alpha=0.5)"
