"""A VAE in Pyro's store and under Pyro's SVI, its precision, and what it leaves behind."""

import copy
import math
from functools import partial

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import SVI, Trace_ELBO
from torch import nn

from pyrovae.errors import ParameterError
from pyrovae.models import VAE, DiagonalNormal, FullNormal
from pyrovae.nn import (
    MLP,
    LearnedNormal,
    Normal,
)
from pyrovae.objectives import IWAE
from tests.oracles import z_scores

BATCH, LATENT = 3, 2
X = torch.randn(BATCH, 5, generator=torch.Generator().manual_seed(0))


def _small(**options):
    options = {"likelihood": Normal(0.7), "encoder": partial(MLP, hidden=(7,)), **options}
    return VAE((5,), LATENT, decoder=partial(MLP, hidden=(7,)), **options)


class TestPyro:
    """Two VAEs in one process have the same names in Pyro's store."""

    def test_two_train_side_by_side_under_pyros_svi(self):
        torch.manual_seed(0)
        vaes = [_small(), _small()]
        alone = [copy.deepcopy(vae) for vae in vaes]

        def train(some):
            pyro.set_rng_seed(5)
            svis = [
                SVI(vae.model, vae.guide, pyro.optim.Adam({"lr": 0.02}), IWAE(2)) for vae in some
            ]
            return [[svi.step(X) for svi in svis] for _ in range(4)]

        losses = train(vaes)
        pyro.clear_param_store()
        assert losses == train(alone)
        for vae, other in zip(vaes, alone, strict=True):
            for a, b in zip(vae.parameters(), other.parameters(), strict=True):
                torch.testing.assert_close(a, b, rtol=0, atol=0)
        assert not torch.equal(vaes[0].encoder.layers[0].weight, vaes[1].encoder.layers[0].weight)

    def test_the_second_is_an_error_under_pyros_own_loss(self):
        vaes = [_small(), _small()]
        steps = [
            SVI(vae.model, vae.guide, pyro.optim.Adam({"lr": 0.02}), Trace_ELBO()).step
            for vae in vaes
        ]
        assert math.isfinite(steps[0](X))
        with pytest.raises(ParameterError, match="another network's tensor.*clear_param_store"):
            steps[1](X)
        assert math.isfinite(steps[0](X))

    def test_equals_a_script_in_pyro(self):
        vae = _small()

        def model(x):
            pyro.module("dec", vae.decoder)
            with pyro.plate("data", len(x)):
                z = pyro.sample("z", dist.Normal(torch.zeros(len(x), LATENT), 1.0).to_event(1))
                pyro.sample("x", dist.Normal(vae.decoder(z)[:, 0], 0.7).to_event(1), obs=x)

        def guide(x):
            pyro.module("enc", vae.encoder)
            with pyro.plate("data", len(x)):
                loc, log_scale = vae.encoder(x).chunk(2, -1)
                pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))

        losses = []
        for pair in ((vae.model, vae.guide), (model, guide)):
            pyro.set_rng_seed(1)
            losses.append(Trace_ELBO().loss(*pair, X))
        assert losses[0] == pytest.approx(losses[1], rel=1e-6)


class TestLife:
    @pytest.mark.parametrize("posterior", [DiagonalNormal, FullNormal])
    def test_double_precision(self, posterior):
        vae = _small(posterior=posterior, likelihood=LearnedNormal()).double()
        x = X.double()
        assert IWAE(3).per_datum(vae.model, vae.guide, x).dtype == torch.float64
        assert vae.generate(2).dtype == torch.float64
        assert vae.reconstruct(x).dtype == torch.float64

    def test_using_it_leaves_no_graph_and_no_store(self):
        vae = _small()
        assert not vae.generate(2).requires_grad
        assert not vae.reconstruct(X).requires_grad
        assert not list(pyro.get_param_store().keys())
        with torch.no_grad():
            assert not vae.encode(X).mean.requires_grad
        assert vae.encode(X).mean.requires_grad

    def test_generates_and_reconstructs_draws(self):
        """One datum many times over: means vary by z alone, draws by the likelihood too."""
        vae = VAE((5,), LATENT, likelihood=Normal(0.5), decoder=_Constant()).double()
        means, draws = vae.generate(20_000), vae.generate(20_000, mean=False)
        torch.testing.assert_close(means, torch.full_like(means, 2.0))
        assert (z_scores(draws, 2.0).abs() < 4.5).all()
        torch.testing.assert_close(draws.std(0), torch.full((5,), 0.5).double(), rtol=0.05, atol=0)


class _Constant(nn.Module):
    def forward(self, z):
        return torch.full((len(z), 1, 5), 2.0, dtype=z.dtype)
