"""Relaxed codes: their density, the bounds of both models, and the temperature."""

import itertools
from functools import partial

import pyro
import pyro.distributions as dist
import pytest
import torch

from pyrovae import fit, log_evidence
from pyrovae.errors import ConfigError, ShapeError, SupportError
from pyrovae.models import GumbelSoftmaxVAE
from pyrovae.models.gumbel_softmax_vae import _LogRelaxed
from pyrovae.nn import MLP
from pyrovae.objectives import ELBO, IWAE, DReG
from pyrovae.particles import draw
from pyrovae.train import Anneal

NET = partial(MLP, hidden=(8,))
X = torch.bernoulli(torch.full((12, 5), 0.5, dtype=torch.double))


def tiny(**parts):
    pyro.clear_param_store()
    pyro.set_rng_seed(0)
    return GumbelSoftmaxVAE((5,), (2,), num_codes=3, encoder=NET, decoder=NET, **parts).double()


def test_the_logarithm_has_the_density_of_the_relaxed_code():
    logits, temperature = torch.randn(4, 3).double(), torch.tensor(0.7).double()
    y = dist.RelaxedOneHotCategorical(temperature, logits=logits).sample()
    found = _LogRelaxed(temperature, logits=logits).log_prob(y.log())
    relaxed = dist.RelaxedOneHotCategorical(temperature, logits=logits).log_prob(y)
    torch.testing.assert_close(found, relaxed + y.log().sum(-1))  # dy = y d log y


def test_low_temperatures_are_finite():
    vae = tiny(temperature=0.01).float()
    p = draw(vae.model, vae.guide, X.float(), num_particles=50)
    assert p.log_w.isfinite().all()


def test_trained_on_the_relaxed_model_and_measured_on_the_discrete_one():
    vae = tiny()
    assert list(draw(vae.model, vae.guide, X).latents) == ["log_codes"]
    vae.eval()
    codes = torch.tensor(list(itertools.product(range(3), repeat=2)))
    log_joint = torch.stack([vae.decode(c).log_prob(X) for c in codes]) - torch.tensor(9.0).log()
    exact = log_joint.logsumexp(0).detach()
    found = log_evidence(vae.model, vae.guide, X, num_particles=4000, seed=0)
    assert ((found.log_px - exact) / found.standard_error).abs().max() < 4.5
    log_q = dist.Categorical(logits=vae._encoded(X)).log_prob(codes[:, None]).sum(-1)
    elbo = (log_q.exp() * (log_joint - log_q)).sum(0).detach()
    pyro.set_rng_seed(1)
    draws = draw(vae.model, vae.guide, X, num_particles=4000).log_w
    z = (draws.mean(0) - elbo) / (draws.std(0) / 4000**0.5)
    assert z.abs().max() < 4.5 and (elbo < exact).all()


@pytest.mark.parametrize("objective", [ELBO(), IWAE(3), DReG(3)])
def test_any_objective_trains_the_encoder(objective):
    vae = tiny()
    objective.differentiable_loss(vae.model, vae.guide, X).backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in vae.encoder.parameters())


def test_a_schedule_writes_the_temperature():
    vae = tiny()
    fit(vae.model, vae.guide, X, objective=ELBO(), epochs=4, batch_size=6, progress=False,
        callbacks=[Anneal(vae.temperature, 1.0, 0.5, fraction=0.5)], device="cpu")  # fmt: skip
    assert vae.temperature == 0.5


def test_encodes_generates_reconstructs():
    vae = tiny()
    codes = vae.encode(X)
    assert codes.shape == (12, 2) and vae.generate(3).shape == (3, 5)
    torch.testing.assert_close(vae.reconstruct(X), vae.decode(codes).mean)
    assert set(vae.generate(50, mean=False).unique().tolist()) <= {0.0, 1.0}


def test_says_what_does_not_fit():
    vae = tiny()
    with pytest.raises(SupportError, match="no whole numbers in 0..2"):
        vae.decode(torch.tensor([[0, 3]]))
    with pytest.raises(ShapeError, match=r"a grid of \[2\]"):
        vae.decode(torch.zeros(2, 3).long())
    with pytest.raises(ConfigError, match="number above 0"):
        tiny(temperature=0.0)
    wrong = GumbelSoftmaxVAE((5,), (2,), num_codes=3, encoder=MLP(5, (2, 4)))
    with pytest.raises(ShapeError, match=r"needs logits \[N, 2, 3\]"):
        wrong.guide(X.float())
