"""VIMCO by enumeration of all draws, and where its baseline has nothing to do."""

from types import SimpleNamespace

import pyro
import pytest
import torch

from pyrovae.data import DiscreteLatent
from pyrovae.errors import ShapeError
from pyrovae.math import log_mean_exp
from pyrovae.objectives import IWAE, VIMCO
from pyrovae.train import fit
from tests.objectives.copies import discrete_copies, gaussian_copies, moments_by_enumeration
from tests.oracles import T15, lg2, t15, t15_iwae_by_enumeration, z_scores


@pytest.mark.parametrize("num_particles", [2, 3])
def test_mean_gradient_is_exact(num_particles):
    mean, _ = moments_by_enumeration(VIMCO(num_particles), *t15())
    truth = torch.from_numpy(t15_iwae_by_enumeration(num_particles)[1])
    torch.testing.assert_close(mean, truth, rtol=0, atol=1e-12)
    stored = torch.tensor(T15["grad_phi"][num_particles]).double()
    torch.testing.assert_close(mean, stored, rtol=0, atol=1e-7)


@pytest.mark.parametrize(
    ("objective", "variance"), [(IWAE, (8.02, 8.94, 9.22)), (VIMCO, (0.1020, 0.0871, 0.0992))]
)
def test_variance(objective, variance):
    _, found = moments_by_enumeration(objective(3), *t15())
    expected = torch.tensor(variance).double()
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=5e-5)


def test_gradient_by_sampling_on_a_random_model():
    pair = DiscreteLatent.random(data_dim=6, latent_dim=4, seed=5)
    x = pair.sample(1, seed=1)
    (truth,) = torch.autograd.grad(pair.iwae(x, 5).sum(), [pair.encoder.loc])
    scores = z_scores(discrete_copies(pair, x, 30_000).gradients(VIMCO(5)), truth)
    assert (scores.abs() < 4.5).all(), scores


def test_credit_is_the_bound_minus_that_without_the_particle():
    log_w = torch.randn(4, 3, generator=torch.Generator().manual_seed(1)).double()
    p = SimpleNamespace(log_w=log_w, num_particles=4)
    objective = VIMCO(4)
    credit = objective.credit(p, objective.bound(p))
    for k in range(4):
        stand_in = log_w.clone()
        stand_in[k] = (log_w.sum(0) - log_w[k]) / 3
        torch.testing.assert_close(credit[k], log_mean_exp(log_w) - log_mean_exp(stand_in))


def test_weights_of_zero():
    log_w = torch.tensor([[0.3, -torch.inf], [-torch.inf, -torch.inf], [1.0, 0.5]])
    for dead in (log_w, log_w[1:]):
        p = SimpleNamespace(log_w=dead, num_particles=len(dead))
        objective = VIMCO(len(dead))
        assert objective.credit(p, objective.bound(p)).isfinite().all()


def test_reparameterised_latents_follow_the_path():
    pair, x = lg2()
    found = []
    for objective in (IWAE(4), VIMCO(4)):
        pyro.set_rng_seed(3)
        found.append(gaussian_copies(pair, x, 5).gradients(objective))
    torch.testing.assert_close(*found)


def test_one_particle_is_refused():
    with pytest.raises(ShapeError, match="VIMCO got num_particles=1, needs >= 2.*REINFORCE"):
        VIMCO(1)


def test_trains():
    pair = DiscreteLatent.random(data_dim=6, latent_dim=3, seed=5)
    x = pair.sample(200, seed=1)
    with torch.no_grad():
        pair.encoder.loc.add_(2.0)
        before = pair.iwae(x, 4).mean()
    fit(
        pair.model, pair.guide, x, objective=VIMCO(4), epochs=5, batch_size=20, lr=0.05,
        progress=False, device="cpu",
    )  # fmt: skip
    assert pair.iwae(x, 4).mean() > before + 0.2
