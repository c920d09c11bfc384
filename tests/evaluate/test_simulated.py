"""What is simulated comes from the model, or is refused with the reason."""

import pyro
import pyro.distributions as dist
import pytest
import torch

from pyrovae import bdmc
from pyrovae.errors import DataError
from pyrovae.models import VAE, GivenSizes
from pyrovae.nn import Poisson
from tests.evaluate.token_pairs import Series, Strings

FEW = {"num_temperatures": 3, "num_leapfrog": 2, "num_particles": 3, "seed": 0}


def test_steps_that_follow_the_data_are_refused():
    pair = Strings()
    with pytest.raises(DataError, match="draws at 'x' depends on the data.*teacher forcing"):
        bdmc(pair, pair.every()[:5], **FEW)


def test_latents_that_follow_the_data_are_refused():
    def model(x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.mean(1), 1.0))
            pyro.sample("x", dist.Normal(z[..., None], 1.0).expand([len(x), 3]).to_event(1), obs=x)

    def guide(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(x.mean(1), 1.0))

    with pytest.raises(DataError, match="is no draw of the model"):
        bdmc(model, guide, torch.randn(4, 3), **FEW)


def test_counts_given_their_total_are_refused_and_sizes_of_their_own_are_not():
    torch.manual_seed(0)
    vae, x = VAE(4, 2, likelihood=Poisson(size_factor="total")), torch.ones(6, 4)
    with pytest.raises(DataError, match="given the total of the data's counts"):
        bdmc(vae, x, **FEW)
    assert bdmc(GivenSizes(vae), (x, x.sum(1)), **FEW).gap.isfinite().all()


def test_series_of_unequal_length_are_bracketed():
    pair = Series(exact=False)
    x, mask = pair.sample(20)
    found = bdmc(pair, x, mask, **FEW)
    exact = pair.log_px(*found.data, mask)
    assert float((exact - found.lower).mean()) > -3 * float(found.lower_error.mean())
    assert float((found.upper - exact).mean()) > -3 * float(found.upper_error.mean())
    assert (found.gap.abs() < 0.5).all()
