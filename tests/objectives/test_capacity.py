"""The KL is held at a number of nats, which a schedule may move."""

import pyro
import pyro.distributions as dist
import pytest
import torch

from pyrovae.data import LinearGaussian
from pyrovae.errors import ConfigError
from pyrovae.evaluate import elbo_parts
from pyrovae.objectives import ELBO, Capacity
from pyrovae.train import Anneal, fit
from pyrovae.train.optim.schedules import cosine
from tests.objectives.copies import discrete_copies
from tests.oracles import t15, z_scores


def value(objective, pair, x, seed=5):
    pyro.set_rng_seed(seed)
    return objective.per_datum(pair.model, pair.guide, x)


@pytest.fixture
def pair():
    return LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)


@pytest.mark.parametrize("capacity", [0.0, 0.5, 30.0])
def test_it_is_the_reconstruction_minus_the_distance(pair, capacity):
    x = pair.sample(7, seed=1)
    elbo = value(ELBO(2, closed_form_kl=True), pair, x)
    cost = 10 * (pair.kl(x).mean() - capacity).abs()
    found = value(Capacity(capacity, 10.0, 2), pair, x)
    torch.testing.assert_close(found, elbo + pair.kl(x) - cost)


def test_below_the_capacity_more_kl_is_better(pair):
    """The gradient in the KL changes its sign at C, and is gamma either way."""
    x = pair.sample(7, seed=1)

    def gradient(objective):
        loss = objective.differentiable_loss(pair.model, pair.guide, x)
        return torch.autograd.grad(loss, [pair.encoder.log_scale])[0]

    pyro.set_rng_seed(0)
    free = gradient(Capacity(0.0, 0.0))
    (of_kl,) = torch.autograd.grad(pair.kl(x).sum(), [pair.encoder.log_scale])
    for capacity, sign in ((0.0, 1), (50.0, -1)):
        pyro.set_rng_seed(0)
        held = gradient(Capacity(capacity, 3.0))
        torch.testing.assert_close(held - free, sign * 3 * of_kl)


def test_the_gradient_of_discrete_latents():
    """The mean KL couples the batch: the score of each draw answers for it."""
    pair, x = t15()
    objective = Capacity(0.0, 2.0, 2, closed_form_kl=True)
    bound = pair.reconstruction(x) - 2 * pair.kl(x)
    (truth,) = torch.autograd.grad(bound.sum(), [pair.encoder.loc])
    copies = [discrete_copies(pair, x, 20) for _ in range(400)]
    means = torch.cat([c.gradients(objective).mean(0, keepdim=True) for c in copies])
    assert (z_scores(means, truth).abs() < 4.5).all()


def test_a_schedule_moves_it_and_the_kl_follows():
    pair = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0).float()
    x = pair.sample(200, seed=1).float()
    capacity = torch.tensor(0.0)
    for end in (0.5, 2.0):
        grow = Anneal(capacity, 0.0, end, fraction=0.5)
        fit(
            pair.model, pair.guide, x, objective=Capacity(capacity, 30.0), epochs=50, lr=3e-2,
            schedule=cosine(), callbacks=[grow], device="cpu", progress=False,
        )  # fmt: skip
        assert capacity == end
        kl = elbo_parts(pair.model, pair.guide, x, num_particles=5, seed=0).kl.mean()
        assert abs(float(kl) - end) < 0.1


def test_a_bound_only_where_nothing_is_free():
    assert Capacity(0.0, 1.0).is_lower_bound
    assert not Capacity(1.0, 1.0).is_lower_bound
    assert not Capacity(torch.tensor(0.0), 0.5).is_lower_bound


def test_bad_numbers():
    for options in ({"capacity": -1.0}, {"capacity": 1.0, "gamma": float("nan")}):
        with pytest.raises(ConfigError, match="Capacity got .*needs a finite number >= 0"):
            Capacity(**options)


def test_every_latent_counts():
    """Two latents, of which the KLs are one and four and a half nats."""

    def model(x):
        with pyro.plate("data", len(x)):
            for name in ("a", "b"):
                pyro.sample(name, dist.Normal(x.new_zeros(()), 1.0))
            pyro.sample("x", dist.Normal(0.0, 1.0), obs=x)

    def guide(x):
        shift = pyro.param("shift", torch.tensor([2.0**0.5, 3.0]))
        with pyro.plate("data", len(x)):
            for name, loc in zip(("a", "b"), shift, strict=True):
                pyro.sample(name, dist.Normal(loc, 1.0))

    x = torch.zeros(3)
    found = Capacity(5.5, 10.0).per_datum(model, guide, x)
    torch.testing.assert_close(found, dist.Normal(0.0, 1.0).log_prob(x))
