"""The evidence upper bound: its limit, its direction, and what it leaves alone."""

import pyro
import pytest
import torch

from pyrovae.objectives import CUBO, ELBO, EUBO, RWS
from tests.objectives.copies import gaussian_copies, moments_by_enumeration
from tests.oracles import LG2, lg2, t15

# Few particles, on purpose.
pytestmark = pytest.mark.filterwarnings("ignore::pyrovae.errors.VarianceWarning")


def test_many_particles_reach_the_bound():
    pair, x = lg2()
    size = 5000
    values = EUBO(size).per_datum(pair.model, pair.guide, x.expand(300, -1))
    error = values.std().item() / 300**0.5
    assert abs(values.mean().item() - LG2["eubo"]) < 4.5 * error + 2 / size
    assert pair.eubo(x).item() == pytest.approx(LG2["eubo"], abs=1e-10)


def test_one_particle_is_the_elbo():
    pair, x = lg2()
    values = []
    for objective in (EUBO(1), ELBO(1)):
        pyro.set_rng_seed(1)
        values.append(objective.per_datum(pair.model, pair.guide, x))
    torch.testing.assert_close(*values)


@pytest.mark.parametrize("num_particles", [1, 3])
def test_gradient_of_the_guide_is_wake_phi(num_particles):
    upper, _ = moments_by_enumeration(EUBO(num_particles), *t15())
    wake, _ = moments_by_enumeration(RWS(num_particles), *t15())
    torch.testing.assert_close(upper, wake, rtol=0, atol=1e-12)


@pytest.mark.parametrize("objective", [EUBO(50), CUBO(50)], ids=repr)
def test_loss_is_plus_the_bound(objective):
    pair, x = lg2()
    values = []
    for call in (objective.loss, objective.differentiable_loss, objective.per_datum):
        pyro.set_rng_seed(1)
        values.append(call(pair.model, pair.guide, x).sum().detach())
    assert values[0] == values[1] == values[2]


@pytest.mark.parametrize("objective", [EUBO(200), CUBO(200)], ids=repr)
def test_training_moves_the_guide_to_cover_the_posterior(objective):
    pair, x = lg2()
    parameters = list(pair.parameters())
    optimizer = torch.optim.Adam(parameters, lr=0.02)
    start = {n: v.detach().clone() for n, v in pair.named_parameters()}
    before = pair.eubo(x).item()
    for _ in range(150):
        optimizer.zero_grad()
        objective.loss_and_grads(pair.model, pair.guide, x)
        optimizer.step()
    after = pair.eubo(x).item()
    assert LG2["log_px"] < after < before - 0.1
    for name, value in pair.named_parameters():
        assert torch.equal(value, start[name]) == name.startswith("decoder"), name


def test_gradient_with_many_particles():
    """Minus that of the KL to the guide from the posterior, in closed form."""
    pair, x = lg2()
    truth = torch.autograd.grad(pair.eubo(x).sum(), [pair.encoder.loc, pair.encoder.log_scale])
    copies = gaussian_copies(pair, x, 400)
    loss = EUBO(2000).differentiable_loss(copies.model, copies.guide, copies.x)
    grads = torch.autograd.grad(loss, [copies.leaves["loc"], copies.leaves["log_scale"]])
    for found, expected in zip(grads, truth, strict=True):
        error = found.std(0) / 20
        assert ((found.mean(0) - expected).abs() < 4.5 * error + 5e-3).all()
