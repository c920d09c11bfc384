"""Aliases of what a guide drew: same values, one alias along each derivative."""

import pyro
import pyro.distributions as dist
import pytest
import torch

from pyrovae import draw
from pyrovae.particles.pathwise import draw_pathwise
from tests.pairs import STYLES


@pytest.mark.parametrize("vectorize", [True, False])
@pytest.mark.parametrize("style", STYLES)
def test_values_are_those_of_draw(style, vectorize):
    """Whether the guide is scored as it drew, or again at the aliases, on the same subsample."""
    pair = STYLES[style](torch.float64)
    settings = {"num_particles": 3, "vectorize_particles": vectorize}
    with pyro.settings.context(module_local_params=pair.local_params):
        pyro.set_rng_seed(2)
        expected = draw(pair.model, pair.guide, *pair.args, **settings)
        pyro.set_rng_seed(2)
        paths = draw_pathwise(pair.model, pair.guide, *pair.args, **settings)
        again = paths.rescored()
    for p in (paths.particles, again):
        torch.testing.assert_close(p.log_w, expected.log_w)
        assert p.guide_parameters.keys() == expected.guide_parameters.keys()
        for name, value in expected.latents.items():
            assert torch.equal(p.latents[name], value)


@pytest.mark.parametrize("vectorize", [True, False])
@pytest.mark.parametrize("style", ["hierarchy", "nested_plate"])
def test_a_factor_multiplies_the_whole_gradient_of_the_guide_once(style, vectorize):
    """Along z1 -> z2 too: twice the factor is twice the gradient, not four times."""
    pair = STYLES[style](torch.float64)
    call = (pair.model, pair.guide, *pair.args)
    found = []
    for factor in (1.0, 2.0):
        pyro.set_rng_seed(3)
        paths = draw_pathwise(*call, num_particles=3, vectorize_particles=vectorize)
        p = paths.particles
        log_joint = p.log_lik + p.log_prior
        paths.scale_gradient(torch.full_like(log_joint, factor))
        leaves = [*p.guide_parameters.values(), *p.model_parameters.values()]
        found.append(torch.autograd.grad(log_joint.sum(), leaves))
    split = len(p.guide_parameters)
    for i, (one, two) in enumerate(zip(*found, strict=True)):
        torch.testing.assert_close(two, one * (2.0 if i < split else 1.0))


@pytest.mark.parametrize("vectorize", [True, False])
def test_each_particle_and_datum_has_its_own_factor(vectorize):
    loc = torch.zeros(4, 5, requires_grad=True)

    def guide():
        with pyro.plate("data", 5, dim=-1), pyro.plate("inner", 4, dim=-2):
            pyro.sample("z", dist.Normal(loc, 1.0))

    def model():
        with pyro.plate("data", 5, dim=-1), pyro.plate("inner", 4, dim=-2):
            pyro.sample("z", dist.Normal(0.0, 1.0))

    settings = {"batch_plate": "data", "vectorize_particles": vectorize}
    paths = draw_pathwise(model, guide, num_particles=3, **settings)
    factor = torch.rand(3, 5)
    paths.scale_gradient(factor)
    z = paths.particles.latents["z"]  # of the guide: no alias
    (gradient,) = torch.autograd.grad(paths.particles.log_prior.sum(), loc)
    expected = -(z * factor.unsqueeze(-1)).sum(0).T  # z is [K, B, inner]
    torch.testing.assert_close(gradient, expected)


def test_along_has_no_value_and_only_the_gradient_of_the_paths():
    """The score is left out for tensors that Pyro knows nothing of, like for its parameters."""
    loc = torch.tensor(0.3, requires_grad=True)
    scale = torch.tensor(0.5, requires_grad=True)

    def program():
        with pyro.plate("data", 4):
            pyro.sample("z", dist.Normal(loc, scale))

    paths = draw_pathwise(program, program, num_particles=2)
    total = paths.along_latents(paths.rescored().log_q.sum())
    assert total == 0
    noise = ((paths.particles.latents["z"] - loc) / scale).detach()
    found = torch.autograd.grad(total, [loc, scale])
    expected = [-(noise / scale).sum(), -(noise**2 / scale).sum()]
    torch.testing.assert_close(list(found), [e.detach() for e in expected])


def test_without_gradients_there_is_nothing_to_weigh():
    pair = STYLES["hierarchy"](torch.float64)
    with torch.no_grad():
        paths = draw_pathwise(pair.model, pair.guide, *pair.args, num_particles=2)
        p = paths.rescored()
        paths.scale_gradient(torch.ones_like(p.log_w))
        assert paths.along_latents(p.log_q.sum()) == 0


def test_straight_through_samples_keep_what_they_rounded():
    logits = torch.zeros(3, requires_grad=True)

    def program():
        with pyro.plate("data", 3):
            q = dist.RelaxedBernoulliStraightThrough(torch.tensor(0.7), logits=logits)
            pyro.sample("z", q)

    paths = draw_pathwise(program, program, num_particles=2)
    z = paths.particles.latents["z"]
    assert ((z == 0) | (z == 1)).all()
    torch.testing.assert_close(paths.rescored().log_q, paths.particles.log_q)
    assert paths.particles.log_prior.isfinite().all()
    paths.scale_gradient(torch.zeros(2, 3))
    (gradient,) = torch.autograd.grad(paths.along_latents(paths.rescored().log_q.sum()), logits)
    assert (gradient == 0).all()  # the unrounded value is weighed as well
