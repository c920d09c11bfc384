"""A mixture of any distributions of vectors, against torch's of one family."""

import pyro.distributions as dist
import pytest
import torch

from pyrovae.distributions.mixture import Mixture
from pyrovae.errors import ShapeError
from pyrovae.models import FullNormal
from tests.oracles import z_scores

RNG = torch.Generator().manual_seed(0)
LOGITS = torch.randn(4, generator=RNG).double()
PARAMS = torch.randn(4, 5, generator=RNG).double()  # of full normals in the plane
Z = torch.randn(3, 6, 2, generator=RNG).double()


def both():
    normals = FullNormal(2)(PARAMS)
    theirs = torch.distributions.MixtureSameFamily(
        torch.distributions.Categorical(logits=LOGITS), normals
    )
    return Mixture(LOGITS, normals), theirs


def test_scores_and_moments():
    ours, theirs = both()
    torch.testing.assert_close(ours.log_prob(Z), theirs.log_prob(Z))
    torch.testing.assert_close(ours.mean, theirs.mean)
    torch.testing.assert_close(ours.variance, theirs.variance)
    wide = ours.expand([3, 6])
    torch.testing.assert_close(wide.log_prob(Z), theirs.log_prob(Z))
    torch.testing.assert_close(wide.mean, theirs.mean.expand(3, 6, 2))


def test_draws():
    ours, theirs = both()
    torch.manual_seed(0)
    z = ours.expand([20, 5]).sample((500,)).flatten(0, 2)
    assert (z_scores(z, theirs.mean).abs() < 4.5).all()
    assert (z_scores((z - theirs.mean) ** 2, theirs.variance).abs() < 4.5).all()


def test_far_away_it_is_finite():
    ours, _ = both()
    z = torch.full((2,), 1e3, dtype=torch.float64, requires_grad=True)
    value = ours.log_prob(z)
    value.backward()
    assert value.isfinite() and value < -1e4
    assert z.grad.isfinite().all()


def test_a_plate_repeats_nothing():
    wide = both()[0].expand([1000])
    assert wide.components.batch_shape == (4,) and wide.log_weights.shape == (4,)


@pytest.mark.parametrize("logits", [torch.zeros(3), torch.zeros(2, 4), torch.zeros(())])
def test_one_weight_for_each(logits):
    with pytest.raises(ShapeError, match=r"it needs \[K\] of both"):
        Mixture(logits, dist.Normal(torch.zeros(4, 2), 1.0).to_event(1))
