"""A mixture of normals as prior."""

import pytest
import torch

from pyrovae.errors import ConfigError
from pyrovae.models import MixturePrior, StandardNormal


def test_means_start_apart():
    torch.manual_seed(0)
    prior = MixturePrior(3, num_components=400, spread=2.0)
    assert prior.loc.std().item() == pytest.approx(2.0, rel=0.1)
    assert torch.equal(prior.log_scale, torch.zeros(400, 3))


def test_without_spread_it_starts_as_the_standard_normal():
    z = torch.randn(9, 3)
    prior = MixturePrior(3, num_components=7, spread=0.0)
    torch.testing.assert_close(prior().log_prob(z), StandardNormal(3)().log_prob(z))


@pytest.mark.parametrize("options", [{"num_components": 0}, {"spread": -1.0}])
def test_what_will_not_do(options):
    with pytest.raises(ConfigError, match="MixturePrior got"):
        MixturePrior(3, **options)


def test_says_how_many_components():
    assert (
        repr(MixturePrior(3, num_components=7)) == "MixturePrior(latent_dim=3, num_components=7)"
    )
