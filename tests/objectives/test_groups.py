"""Particles in groups: which one stands where, and what a group's weights sum to."""

import pytest
import torch

from pyrovae.errors import ShapeError
from pyrovae.math import log_mean_exp
from pyrovae.objectives import MIWAE, GroupedELBO
from tests.oracles import lg2


class Smallest(GroupedELBO):
    """The smallest of the groups' bounds."""

    def bound(self, p):
        return log_mean_exp(self.groups(p.log_w), dim=1).amin(0)


def test_groups_are_neighbours():
    objective = Smallest(2, 3)
    per_particle = torch.arange(12.0).view(6, 2)  # K = 6, B = 2
    groups = objective.groups(per_particle)
    assert groups.shape == (2, 3, 2)
    assert torch.equal(groups[1, 0], per_particle[3])


def test_shares_sum_to_one_in_each_group():
    objective = Smallest(2, 3)
    log_w = torch.randn(6, 4, generator=torch.Generator().manual_seed(0)).double() * 20 - 500
    shares = objective.shares(log_w)
    assert shares.shape == (6, 4)
    torch.testing.assert_close(shares[:3].sum(0), torch.ones(4).double())
    torch.testing.assert_close(shares[3:], torch.softmax(log_w[3:], 0))


def test_an_own_estimator_over_groups():
    pair, x = lg2()
    objective = Smallest(2, 3)
    value = objective.per_datum(pair.model, pair.guide, x.expand(4, -1))
    assert value.shape == (4,) and value.isfinite().all()
    assert repr(objective) == "Smallest(num_groups=2, group_size=3)"


def test_the_number_of_particles_follows_and_is_followed():
    objective = MIWAE(3, 2)
    objective.group_size = 5
    assert objective.num_particles == 15
    objective.num_particles = 6
    assert (objective.num_groups, objective.group_size) == (3, 2)
    for number in (2, 7, 0, 4.5):
        with pytest.raises(ShapeError, match=f"MIWAE got num_particles={number}"):
            objective.num_particles = number
    assert (objective.num_groups, objective.group_size) == (3, 2)
