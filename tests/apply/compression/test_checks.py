"""Pairs that cannot code are refused, in words."""

import pyro
import pyro.distributions as dist
import pytest
import torch

from pyrovae import models, nn
from pyrovae.apply.compression import BitsBack
from pyrovae.errors import ConfigError, InverseError, PlateError, SiteError
from pyrovae.nn import flows
from pyrovae.particles.penalty import penalty

X = torch.rand(6, 4, generator=torch.Generator().manual_seed(0)).round()


def _refused(model, guide, kind, words, x=X, args=()):
    with pytest.raises(kind, match=words):
        BitsBack(model, guide, x.shape[1:]).encode(x, *args)


def _normal(size=2):
    return dist.Normal(torch.zeros(size), 1.0).to_event(1)


def _bits(z):
    return dist.Bernoulli(logits=z.sum(-1, keepdim=True).expand(-1, 4)).to_event(1)


def _model(x):
    with pyro.plate("data", len(x)):
        z = pyro.sample("z", _normal())
        pyro.sample("x", _bits(z), obs=x)


def _guide(x):
    with pyro.plate("data", len(x)):
        pyro.sample("z", _normal())


def test_a_sound_pair_is_taken():
    coder = BitsBack(_model, _guide, (4,))
    assert torch.equal(coder.decode(coder.encode(X).words, 6), X.double())


def test_a_continuous_likelihood():
    vae = models.VAE((4,), 2, likelihood=nn.LearnedNormal())
    _refused(vae.model, vae.guide, ConfigError, "'x' is a Normal, which is continuous.*Bernoulli")


def test_a_flow_without_an_inverse():
    vae = models.VAE((4,), 2, posterior=lambda n: models.FlowPosterior(n, layer=flows.Planar))
    _refused(vae.model, vae.guide, InverseError, "'z' is a flow without an inverse")


def test_an_autoencoder():
    pair = models.Autoencoder((4,), 2)
    _refused(pair.model, pair.guide, ConfigError, "the prior of 'z' is improper")


def test_a_point_mass():
    def guide(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Delta(x[:, :2], event_dim=1))

    _refused(_model, guide, ConfigError, "point mass at 'z'")


def test_latents_that_the_other_lacks():
    def more(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", _normal())
            pyro.sample("u", _normal())

    def less(x):
        """Draws nothing."""

    _refused(_model, more, SiteError, "the guide draws 'u'")
    _refused(_model, less, SiteError, "the model draws 'z' and the guide does not")


def test_a_factor_but_not_a_penalty():
    def factored(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", _normal())
            pyro.factor("liked", x.sum(1), has_rsample=False)

    def penalised(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", _normal())
            penalty("small", x.sum(1))

    _refused(_model, factored, SiteError, "the guide has a pyro.factor 'liked'")
    coder = BitsBack(_model, penalised, (4,))
    assert torch.equal(coder.decode(coder.encode(X).words, 6), X.double())


def test_latents_outside_of_the_plate():
    def model(x):
        w = pyro.sample("w", _normal())
        with pyro.plate("data", len(x)):
            pyro.sample("x", _bits(w.expand(len(x), 2)), obs=x)

    def guide(x):
        pyro.sample("w", _normal())

    _refused(model, guide, PlateError, "at site 'w' of the model the batch shape is \\[\\]")


def test_a_model_that_sees_the_data():
    vae = models.VAE((4,), 2, likelihood=nn.Poisson(size_factor="total"))
    _refused(vae.model, vae.guide, ConfigError, "'x' in the model depends.*size_factor")

    def model(x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x[:, :2], 1.0).to_event(1))
            pyro.sample("x", _bits(z), obs=x)

    _refused(model, _guide, ConfigError, "'z' in the model depends on the data")


def test_missing_values():
    pair = models.PartialVAE((4,), 2)
    mask = torch.ones_like(X).bool()
    _refused(pair.model, pair.guide, ConfigError, "'x' is masked", args=(mask,))


def test_a_distribution_without_a_coder():
    def model(x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Dirichlet(torch.ones(3)))
            pyro.sample("x", _bits(z), obs=x)

    def guide(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Dirichlet(torch.ones(3)))

    _refused(model, guide, ConfigError, "'z' is a Dirichlet.*for which there is no coder")
