"""Densities fitted to codes: found, kept with the pair, and refused where they cannot be."""

from functools import partial

import numpy as np
import pyro
import pytest
import torch
from sklearn.mixture import GaussianMixture
from torch import nn

from pyrovae import elbo_parts, fit
from pyrovae.apply import fit_density
from pyrovae.data import Split
from pyrovae.errors import ConfigError, DataError, ShapeError
from pyrovae.models import (
    VAE,
    Autoencoder,
    FlowPrior,
    MixturePrior,
    NormalPrior,
    ProbabilisticPCA,
    StandardNormal,
    VampPrior,
)
from pyrovae.nn import Normal
from pyrovae.objectives import ELBO
from pyrovae.train import load_checkpoint

MIXTURE = partial(MixturePrior, num_components=2)


@pytest.fixture(autouse=True)
def seed():
    pyro.clear_param_store()
    pyro.set_rng_seed(0)


def _identity(prior=None):
    """An autoencoder whose codes are the data."""
    parts = {} if prior is None else {"prior": prior}
    return Autoencoder((2,), 2, encoder=nn.Identity(), decoder=nn.Linear(2, 2),
                       likelihood=Normal(), **parts).double()  # fmt: skip


def _two_clouds(n):
    far = 40.0 * torch.randint(0, 2, (n, 1)).double()
    return torch.randn(n, 2).double() * torch.tensor([1.0, 5.0]) + far - 10


def test_a_mixture_is_that_of_scikit_learn():
    x, pair = _two_clouds(600), _identity()
    prior = fit_density(pair, x, MIXTURE)
    theirs = GaussianMixture(2, covariance_type="diag", random_state=0).fit(x.numpy())
    np.testing.assert_allclose(prior().log_prob(x).detach(), theirs.score_samples(x.numpy()),
                               atol=1e-2)  # fmt: skip
    assert pair.prior is prior
    torch.testing.assert_close(prior.loc[:, 0].sort().values.detach(),
                               torch.tensor([-10.0, 30.0]).double(), atol=0.3, rtol=0)  # fmt: skip
    assert pair.generate(5).shape == (5, 2)


@pytest.mark.parametrize(
    "prior", [NormalPrior, partial(FlowPrior, num_layers=2, base=NormalPrior)]
)
def test_others_are_fitted_by_gradients(prior):
    x, pair = _two_clouds(200) / 4, _identity()
    found = fit_density(pair, Split(x), prior, epochs=40, lr=1e-2)
    normal = torch.distributions.Normal(x.mean(0), x.std(0)).log_prob(x).sum(-1).mean()
    gained = found().log_prob(x).mean() - normal
    assert gained > (-0.01 if prior is NormalPrior else 0.05)


@pytest.mark.parametrize("prior", [MIXTURE, partial(FlowPrior, num_layers=2)])
def test_saved_and_loaded_with_the_pair(prior, tmp_path):
    x, pair, other = _two_clouds(50), _identity(), _identity(prior)
    fit_density(pair, x, prior, epochs=1)
    torch.save(pair.state_dict(), tmp_path / "state.pt")
    other.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    draws = []
    for one in (pair, other):
        torch.manual_seed(3)
        draws.append(one.generate(7))
    assert torch.equal(*draws)


def test_in_a_checkpoint(tmp_path):
    x, pair, other = _two_clouds(50), _identity(), _identity(MIXTURE)
    fit_density(pair, x, MIXTURE)
    # One step that changes nothing, to have `fit` write what the pair is.
    fit(pair.model, pair.guide, x, objective=ELBO(), epochs=1, lr=0.0, run_dir=tmp_path,
        device="cpu", progress=False)  # fmt: skip
    load_checkpoint(tmp_path / "last.safetensors", other.model, other.guide, x)
    assert torch.equal(other.prior().log_prob(x), pair.prior().log_prob(x))


def test_a_vae_gains_what_its_aggregate_posterior_lacks():
    pca = ProbabilisticPCA((2,), 2)  # only its closed form: q(z|x) far from N(0, I) on average
    x = _two_clouds(400)
    pca = pca.double()
    pca.solve(x)
    vae = VAE((2,), 2, encoder=partial(_Shared, pca), decoder=nn.Linear(2, 2), likelihood=Normal())
    vae = vae.double()
    before, after = [], []
    for kept in (before, after):
        kept.append(elbo_parts(vae.model, vae.guide, x, seed=0).means())
        fit_density(vae, x, MIXTURE)
    assert after[0]["elbo"] > before[0]["elbo"] + 0.1
    assert after[0]["reconstruction"] == pytest.approx(before[0]["reconstruction"], rel=1e-6)


class _Shared(nn.Module):
    def __init__(self, pca, in_shape, out_shape):
        super().__init__()
        self.pca = pca

    def forward(self, x):
        return torch.cat([self.pca.encoder(x), -2 + 0 * x], -1)


def test_refusals():
    x, pair = _two_clouds(5), _identity()
    with pytest.raises(DataError, match="5 data for 50 components"):
        fit_density(pair, x)
    with pytest.raises(ConfigError, match="nothing to fit"):
        fit_density(pair, x, StandardNormal)
    with pytest.raises(ConfigError, match="made of posteriors"):
        fit_density(pair, x, VampPrior)
    with pytest.raises(ShapeError, match="latent_dim=3"):
        fit_density(pair, x, MixturePrior(3))
    with pytest.raises(DataError, match="infinit"):
        fit_density(pair, x / 0, MIXTURE)
