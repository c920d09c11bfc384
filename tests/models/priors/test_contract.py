"""Priors over one latent vector."""

import pytest
import torch

from pyrovae.models import Prior, StandardNormal


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_standard_normal(dtype):
    prior = StandardNormal(3).to(dtype)
    p = prior()
    assert (p.batch_shape, p.event_shape) == ((), (3,))
    z = torch.randn(5, 3, dtype=dtype)
    exact = torch.distributions.MultivariateNormal(
        torch.zeros(3, dtype=dtype), torch.eye(3, dtype=dtype)
    )
    torch.testing.assert_close(p.log_prob(z), exact.log_prob(z))
    assert p.sample().dtype == dtype


def test_is_wholly_moved_and_holds_nothing_to_save():
    prior = StandardNormal(3)
    assert not list(prior.parameters())
    assert not prior.state_dict()
    meta = prior.to("meta")()
    assert meta.mean.device.type == "meta"


def test_the_distribution_is_the_subclasses_to_give():
    with pytest.raises(TypeError, match="forward"):
        Prior(3)
