"""Two bounds at once: each side's gradient is that of its own, exactly."""

import pyro
import pyro.distributions as dist
import pytest
import torch

from pyrovae.data import DiscreteLatent
from pyrovae.objectives import IWAE, MIWAE, PIWAE, DReGPIWAE
from tests.objectives.copies import discrete_copies, gaussian_copies, gaussian_truth
from tests.oracles import LG2, lg2, z_scores
from tests.pairs import STYLES


@pytest.mark.parametrize("made", [PIWAE, DReGPIWAE])
def test_value_is_that_of_all_particles(made):
    pair, x = lg2()
    bounds = made(5, 2).per_datum(pair.model, pair.guide, x.expand(50_000, -1))
    assert abs(z_scores(bounds, LG2["iwae"][10])) < 4.5


@pytest.mark.parametrize("made", [PIWAE, DReGPIWAE])
@pytest.mark.parametrize("sizes", [(5, 2), (2, 5), (1, 4), (4, 1)])
def test_gradient_is_exact_on_both_sides(made, sizes):
    pair, x = lg2()
    size = sizes[0] * sizes[1]
    guide = gaussian_truth(pair, x, lambda x: pair.iwae(x, sizes[1]))[:4]
    model = gaussian_truth(pair, x, lambda x: pair.iwae(x, size))[4:]
    gradients = gaussian_copies(pair, x, 100_000).gradients(made(*sizes))
    assert (z_scores(gradients, torch.cat([guide, model])).abs() < 4.5).all()


@pytest.mark.parametrize("vectorize", [True, False])
@pytest.mark.parametrize("style", ["hierarchy", "nested_plate", "module_functions"])
def test_is_two_objectives_at_one_seed(style, vectorize):
    """The model's leaves as under IWAE, the guide's as under MIWAE, draw by draw."""
    pair = STYLES[style](torch.float64)
    found = {}
    for objective in (PIWAE(2, 3), MIWAE(2, 3), IWAE(6)):
        objective.vectorize_particles = vectorize
        pyro.set_rng_seed(5)
        p = objective.draw(pair.model, pair.guide, *pair.args)
        pyro.set_rng_seed(5)
        loss = objective.differentiable_loss(pair.model, pair.guide, *pair.args)
        sides = [list(side.values()) for side in (p.model_parameters, p.guide_parameters)]
        found[type(objective)] = [torch.autograd.grad(loss, s, retain_graph=True) for s in sides]
    for side, theirs in enumerate((IWAE, MIWAE)):
        for ours, other in zip(found[PIWAE][side], found[theirs][side], strict=True):
            torch.testing.assert_close(ours, other, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_weight_may_vanish_where_its_path_counts(dtype):
    """The best of each group moves the guide, though one of them has all the weight."""
    scale = torch.tensor(0.5, dtype=dtype, requires_grad=True)
    shift = torch.tensor(0.0, dtype=dtype, requires_grad=True)

    def guide():
        with pyro.plate("data", 3):
            pyro.sample("z", dist.Normal(shift, scale))

    def model():
        with pyro.plate("data", 3):
            z = pyro.sample("z", dist.Normal(torch.zeros((), dtype=dtype), 1.0))
            pyro.factor("far", 1e4 * z)  # weights differ by thousands of nats

    grads = []
    for objective in (PIWAE(2, 2), MIWAE(2, 2)):
        pyro.set_rng_seed(3)
        loss = objective.differentiable_loss(model, guide)
        grads.append(torch.stack(torch.autograd.grad(loss, [shift, scale])))
    torch.testing.assert_close(*grads, rtol=1e-4, atol=0)
    assert DReGPIWAE(2, 2).loss_and_grads(model, guide).isfinite()
    assert scale.grad.isfinite() and scale.grad.abs() > 100


def test_gradient_without_a_reparameterised_sampler():
    pair = DiscreteLatent.random(data_dim=5, latent_dim=2, seed=4)
    x = pair.sample(1, seed=1)
    (truth,) = torch.autograd.grad(pair.iwae(x, 2).sum(), [pair.encoder.loc])
    scores = z_scores(discrete_copies(pair, x, 50_000).gradients(PIWAE(3, 2)), truth)
    assert (scores.abs() < 4.5).all(), scores
