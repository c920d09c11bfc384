"""The closed form of the KL where sites are masked."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from pyro.infer import TraceMeanField_ELBO

from pyrovae.objectives import ELBO
from pyrovae.particles import draw
from pyrovae.particles.kl import site_kl

MASKS = {
    "nothing": False,
    "all": True,
    "some data": torch.tensor([True, False, True, False]),
    "a tensor of nothing": torch.zeros(4, dtype=torch.bool),
}


@pytest.mark.parametrize("how", ["distribution", "handler"])
@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("num_particles", [1, 3])
def test_masks_of_both_sides_mask_the_closed_form(mask, how, num_particles):
    """KL(N(m, 1) || N(0, 1)) = m^2 / 2 where something is left, as Pyro has it."""

    def masked(fn):
        return fn.mask(MASKS[mask]) if how == "distribution" else fn

    def handled():
        return poutine.mask(mask=MASKS[mask] if how == "handler" else True)

    def model(x):
        with pyro.plate("data", len(x)):
            with handled():
                z = pyro.sample("z", masked(dist.Normal(torch.zeros(()).double(), 1.0)))
            pyro.sample("x", dist.Normal(z, 1.0), obs=x)

    def guide(x):
        m = pyro.param("m", torch.tensor(0.7).double())
        with pyro.plate("data", len(x)), handled():
            pyro.sample("z", masked(dist.Normal(m, 1.0)))

    x = torch.randn(4).double()
    p = draw(model, guide, x, num_particles=num_particles)
    found = site_kl(p, "z")
    assert found.route == "closed form"
    exact = torch.as_tensor(MASKS[mask]).expand(num_particles, 4).double() * 0.7**2 / 2
    torch.testing.assert_close(found.value, exact)
    torch.testing.assert_close(found.by_plates(), exact)
    pyro.set_rng_seed(0)
    ours = ELBO(closed_form_kl=True).loss(model, guide, x)
    pyro.set_rng_seed(0)
    theirs = TraceMeanField_ELBO().loss(model, guide, x)
    assert float(ours) == pytest.approx(float(theirs))


def test_a_mask_on_one_side_is_sampled():
    def model(x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(()).double(), 1.0).mask(False))
            pyro.sample("x", dist.Normal(z, 1.0), obs=x)

    def guide(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(torch.zeros(()).double(), 1.0))

    p = draw(model, guide, torch.randn(4).double())
    found = site_kl(p, "z")
    assert found.route.startswith("sampled: no closed form")
    torch.testing.assert_close(found.value, p.guide_sites["z"].log_prob)
