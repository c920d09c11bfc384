"""What every prior promises."""

import copy

import pyro
import pytest
import torch

from pyrovae import models
from pyrovae.models import Prior
from tests.exported import exported
from tests.oracles import z_scores

from .made import LEARNED, PRIORS, made

every_prior = pytest.mark.parametrize("name", PRIORS)
every_learned_prior = pytest.mark.parametrize("name", LEARNED)


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def test_every_prior_is_tried():
    kinds = exported(models, Prior)
    assert kinds.keys() - PRIORS.keys() == {"FlatPrior"}
    assert not models.FlatPrior.is_proper


def test_the_distribution_is_the_subclasses_to_give():
    with pytest.raises(TypeError, match="forward"):
        Prior(3)


@every_prior
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("latent_dim", [2, 5])
def test_shapes_and_types(name, dtype, latent_dim):
    p = made(name, latent_dim, dtype=dtype)()
    assert (p.batch_shape, p.event_shape) == ((), (latent_dim,))
    z = p.sample((7,))
    assert z.shape == (7, latent_dim) and not z.requires_grad
    assert p.sample().shape == (latent_dim,)
    assert z.dtype == p.log_prob(z).dtype == dtype
    assert p.log_prob(z.expand(3, 7, latent_dim)).shape == (3, 7)


@every_prior
def test_integrates_to_one(name):
    side = torch.linspace(-14, 14, 561, dtype=torch.float64)
    grid = torch.cartesian_prod(side, side)
    with torch.no_grad():
        mass = made(name)().log_prob(grid).exp().sum() * (side[1] - side[0]) ** 2
    assert mass.item() == pytest.approx(1, abs=1e-6)


@every_prior
def test_draws_what_it_scores(name):
    """Stein: under p, the gradient of log p has mean 0, and its product with z mean -I."""
    p = made(name)()
    z = p.sample((60_000,)).clone().requires_grad_()  # what a flow drew, it knows by heart
    (gradient,) = torch.autograd.grad(p.log_prob(z).sum(), z)
    assert (z_scores(gradient, 0.0).abs() < 4.5).all()
    products = (z.detach()[:, :, None] * gradient[:, None, :]).flatten(1)
    assert (z_scores(products, -torch.eye(2).double().flatten()).abs() < 4.5).all()


@every_prior
def test_is_what_it_was_in_single_precision(name):
    z = torch.randn(50, 2).double()
    single = made(name, dtype=torch.float32)().log_prob(z.float())
    torch.testing.assert_close(single.double(), made(name)().log_prob(z), rtol=1e-4, atol=1e-4)


@every_learned_prior
def test_gradients_reach_every_parameter(name):
    found = made(name)
    found().log_prob(torch.randn(20, 2).double()).square().sum().backward()
    for parameter in found.used:
        assert parameter.grad.isfinite().all()
        assert (parameter.grad != 0).any()


@every_prior
def test_expands_under_plates_and_particles(name):
    p, z = made(name)(), torch.randn(3, 4, 2).double()
    with pyro.plate("particles", 3, dim=-2), pyro.plate("data", 4, dim=-1):
        assert pyro.sample("z", p, obs=z) is z
        drawn = pyro.sample("y", p)
    assert drawn.shape == (3, 4, 2)
    assert len(drawn.flatten(0, 1).unique(dim=0)) == 12, "each is a draw of its own"
    each = torch.stack([torch.stack([p.log_prob(one) for one in row]) for row in z])
    torch.testing.assert_close(p.log_prob(z), each)
    wide = p.expand([3, 4])
    assert (wide.batch_shape, wide.event_shape) == ((3, 4), (2,))
    torch.testing.assert_close(wide.log_prob(z), each)
    torch.testing.assert_close(wide.log_prob(z[0, 0]), each[:1, :1].expand(3, 4))
    keep = torch.tensor([True, False, True, True])
    torch.testing.assert_close(wide.mask(keep).log_prob(z), each * keep)


@every_prior
def test_state_goes_round(name, tmp_path):
    found, other = made(name), PRIORS[name](2)
    other.shape_for((5,), (0.0, 1.0))
    torch.save(found.prior.state_dict(), tmp_path / "prior.pt")
    other.double().load_state_dict(torch.load(tmp_path / "prior.pt", weights_only=True))
    z = torch.randn(5, 2).double()
    torch.testing.assert_close(
        other.with_encoder(found.encode).log_prob(z), found().log_prob(z), rtol=0, atol=0
    )


@every_prior
def test_copies_after_use_are_apart(name):
    found, z = made(name), torch.randn(5, 2).double()
    before = found().log_prob(z)
    found().sample()
    twin = copy.deepcopy(found)
    with torch.no_grad():
        for parameter in twin.used:
            parameter.add_(0.5)
    assert torch.equal(found().log_prob(z), before)
    if found.used:
        assert not torch.equal(twin().log_prob(z), before)


@every_prior
def test_is_wholly_moved(name):
    """To a device without values: whatever stayed behind would be an error, or on the CPU."""
    found = made(name)
    for module in (found.prior, found.encoder, found.posterior):
        module.to("meta")
    p = found()
    assert p.log_prob(torch.zeros(4, 2, dtype=torch.float64, device="meta")).device.type == "meta"
    assert p.sample((3,)).device.type == "meta"


@every_learned_prior
def test_holds_no_graph_of_an_earlier_use(name):
    found = made(name)
    for _ in range(2):
        found().log_prob(torch.randn(5, 2).double()).sum().backward()
