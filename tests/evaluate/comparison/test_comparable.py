"""Rows made equal, or as close as they can be, and what is said of those that are not."""

import pyro
import pyro.distributions as dist
import pytest
import torch

from pyrovae.data import DiscreteLatent, LinearGaussian
from pyrovae.evaluate.comparison.comparable import fit_particles, rows_at
from pyrovae.objectives import (
    ELBO,
    IWAE,
    JVI,
    MIWAE,
    REINFORCE,
    RWS,
    VIMCO,
    DReG,
    ParticleELBO,
    Renyi,
)

EVALUATIONS = "decoder evaluations"


class AllButOne(ParticleELBO):
    """Divides by the number of the others, without saying that it needs some."""

    def bound(self, p):
        return p.log_w.sum(0) / p.num_particles + 0.0 / (p.num_particles - 1)


@pytest.fixture
def discrete():
    pair = DiscreteLatent.random(data_dim=4, latent_dim=2, seed=0)
    return pair.model, pair.guide, pair.sample(5, seed=1)


@pytest.fixture
def gaussian():
    pair = LinearGaussian.random(data_dim=4, latent_dim=2, seed=0)
    return pair.model, pair.guide, pair.sample(5, seed=1)


@pytest.mark.parametrize(
    ("make", "least"),
    [
        (lambda: REINFORCE(4, baseline="leave-one-out"), 2),
        (lambda: VIMCO(4), 2),
        (lambda: JVI(5, order=2), 3),
        (lambda: MIWAE(3, 2), 3),
    ],
    ids=["REINFORCE", "VIMCO", "JVI", "MIWAE"],
)
@pytest.mark.parametrize("equal", ["K", EVALUATIONS])
def test_the_fewest_that_it_takes(discrete, make, least, equal):
    objective = make()
    one = fit_particles([objective], discrete, 1, equal).popitem()[1]
    assert one.particles == one.evaluations == least == objective.min_particles
    assert not one.comparable
    assert f"{type(objective).__name__} takes {least} particles or more" in one.note
    assert f"{least} {'particles' if equal == 'K' else equal}, not 1" in one.note
    assert objective.num_particles != least  # the user's own stays as it is


def test_who_fails_on_one_particle_keeps_its_own(gaussian):
    (one,) = fit_particles([AllButOne(3)], gaussian, 1, "K").values()
    assert one.particles == 3 and not one.comparable
    assert "AllButOne cannot have 1 particles (" in one.note and "division by zero" in one.note


@pytest.mark.filterwarnings("ignore::pyrovae.errors.VarianceWarning")  # few particles, on purpose
@pytest.mark.parametrize("equal", ["K", EVALUATIONS])
def test_groups_are_filled_as_far_as_they_can(gaussian, equal):
    (one,) = fit_particles([MIWAE(3, 2)], gaussian, 16, equal).values()
    assert one.particles == one.evaluations == 15 and not one.comparable
    assert "15 " in one.note and "MIWAE cannot have 16 particles (" in one.note


@pytest.mark.parametrize("wanted", [4, 6, 8, 16, 17, 33])
@pytest.mark.parametrize("own", [2, 5])
def test_a_dream_is_counted_beside_the_particles(gaussian, own, wanted):
    (one,) = fit_particles([RWS(own, sleep=1.0)], gaussian, wanted, EVALUATIONS).values()
    assert one.evaluations == wanted and one.particles == wanted - 1
    assert one.comparable and one.note == ""


def test_equal_numbers(gaussian):
    found = fit_particles({"a": ELBO(), "b": DReG(3)}, gaussian, 7, "K")
    assert [one.particles for one in found.values()] == [7, 7]
    assert [one.evaluations for one in found.values()] == [7, 7]
    assert all(one.comparable for one in found.values())
    assert rows_at(found, 7, "K") == "equal K (7)"


def test_as_given(gaussian):
    same = fit_particles([IWAE(3), Renyi(0.5, 3)], gaussian, None, "K")
    assert rows_at(same, None, "K") == "equal K (3), as given"
    other = fit_particles([IWAE(3), Renyi(0.5, 4)], gaussian, None, "K")
    assert rows_at(other, None, "K") == "unequal K, as given"
    assert [one.note for one in other.values()] == ["", "4 particles, and the first has 3"]
    cost = fit_particles([IWAE(3), RWS(2, sleep=1.0)], gaussian, None, EVALUATIONS)
    assert rows_at(cost, None, EVALUATIONS) == "equal decoder evaluations (3), as given"


def test_a_pair_without_a_likelihood_to_count_is_left_as_it_is():
    def model(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(pyro.param("m", torch.tensor(0.0)), 1.0))

    def guide(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(pyro.param("q", torch.tensor(0.3)), 1.0))

    (one,) = fit_particles([ELBO(2)], (model, guide, torch.ones(3)), 4, EVALUATIONS).values()
    assert one.particles in (2, 4)
