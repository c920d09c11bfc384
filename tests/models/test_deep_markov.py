"""`DeepMarkovModel` with linear networks is a linear-Gaussian model: Kalman's filter solves it."""

from functools import partial

import pyro
import pytest
import torch
from torch import nn

from pyrovae import log_evidence
from pyrovae.data import LinearGaussianStateSpace
from pyrovae.errors import ConfigError, DataError, ShapeError
from pyrovae.models import (
    AffineSteps,
    CombinedSteps,
    DeepMarkovModel,
    FlowSteps,
    IndependentSteps,
)
from pyrovae.models.posteriors import FullNormal
from pyrovae.nn import MLP, LearnedNormal, RecurrentSteps
from pyrovae.objectives import ELBO, IWAE
from tests.oracles import z_scores

D, L = 3, 2
LINEAR = partial(MLP, hidden=())
FORMS = {
    "affine": AffineSteps,
    "combined": partial(CombinedSteps, hidden=5),
    "independent": IndependentSteps,
    "flow": partial(FlowSteps, context_dim=3),
    "flow on combined": partial(FlowSteps, base=partial(CombinedSteps, hidden=5), context_dim=3),
}


class Smoother(nn.Module):
    """The exact posterior, in the place of an encoder."""

    def __init__(self, pair):
        super().__init__()
        self.pair = (pair,)  # no submodule: the networks of the model are its own
        self.form = FullNormal(L)

    def forward(self, x):
        q = self.pair[0].posterior(x)
        offset = q.offset.unsqueeze(-1)
        noise = torch.distributions.MultivariateNormal(
            offset.squeeze(-1), scale_tril=q.scale_tril.expand(len(x), -1, -1, -1)
        )
        own = self.form.read(noise, "smoother", lambda second: None)
        return torch.cat([own, q.weight.flatten(-2).expand(len(x), -1, -1)], -1)


@pytest.fixture
def exact():
    pyro.clear_param_store()
    pyro.set_rng_seed(0)
    return LinearGaussianStateSpace.random(D, L, seed=3).requires_grad_(False)


@torch.no_grad()
def deep(exact, **parts):
    """A deep Markov model with the parameters of an exact pair."""
    dmm = DeepMarkovModel(
        (6, D), L, transition=LINEAR, decoder=LINEAR, likelihood=LearnedNormal((D,)),
        **{"encoder": partial(RecurrentSteps, hidden=5), **parts},
    ).double()  # fmt: skip
    affine = dmm.transition.network.layers[-1]
    affine.weight.copy_(torch.cat([exact.transition, torch.zeros(L, L)]))
    affine.bias.copy_(torch.cat([exact.drift, exact.log_process_scale]))
    dmm.decoder.layers[-1].weight.copy_(exact.emission)
    dmm.decoder.layers[-1].bias.copy_(exact.bias)
    dmm.likelihood.log_scale.copy_(exact.log_noise_scale)
    dmm.initial.loc.copy_(exact.initial_loc)
    dmm.initial.log_scale.copy_(exact.log_initial_scale)
    return dmm


def close(actual, expected, atol=1e-8):
    torch.testing.assert_close(actual, expected, atol=atol, rtol=0)


def test_the_smoother_as_guide_makes_the_bound_the_evidence(exact):
    dmm = deep(exact, encoder=Smoother(exact))
    x = exact.sample(4, num_steps=6, seed=1)
    for objective in (ELBO(), IWAE(3)):
        close(objective.per_datum(dmm.model, dmm.guide, x), exact.log_px(x))
    close(dmm.encode(x).mean, exact.smooth(x)[0])
    close(dmm.encode(x).variance, exact.smooth(x)[1].diagonal(dim1=-2, dim2=-1).expand(4, -1, -1))
    close(dmm.filter(x, num_particles=7).log_evidence, exact.log_px(x))


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_any_guide_is_below_and_its_weights_have_the_evidence_as_mean(exact, form):
    """E w = p(x) holds for every guide that scores what it draws rightly, trained or not."""
    exact.log_noise_scale.fill_(0.7)  # data say little, so that an untrained guide is wide enough
    dmm = deep(exact, posterior=form)
    for part in dmm.posterior.modules():
        if isinstance(part, CombinedSteps):
            part.head.bias.data[L:] += 0.5
    x = exact.sample(3, num_steps=3, seed=2)
    log_px = exact.log_px(x)
    with torch.no_grad():
        elbo = torch.stack([ELBO(50).per_datum(dmm.model, dmm.guide, x) for _ in range(10)])
        found = log_evidence(dmm, x, num_particles=8_000, seed=0)
        filtered = torch.stack(
            [dmm.filter(x, num_particles=500).log_evidence - log_px for _ in range(30)]
        )
    assert (elbo.mean(0) < log_px).all()
    assert ((found.log_px - log_px).abs() < 5 * found.standard_error + 1e-3).all()
    assert (z_scores(filtered.exp(), 1.0).abs() < 4).all()


def test_forecasts_are_kalmans(exact):
    dmm = deep(exact, encoder=Smoother(exact))
    x = exact.sample(4, num_steps=6, seed=3)
    means, covs = exact.forecast(x, 3)
    drawn = dmm.forecast(x, 3, num_samples=4000)
    assert drawn.shape == (4000, 4, 3, D)
    assert (z_scores(drawn, means).abs() < 4.5).all()
    variances = covs.diagonal(dim1=-2, dim2=-1).expand(4, -1, -1)
    assert (z_scores((drawn - means).square(), variances).abs() < 4.5).all()


def test_forecasts_correct_the_guide(exact):
    """With a guide that knows nothing, weights alone bring the forecast to Kalman's."""
    dmm = deep(exact)
    x = exact.sample(2, num_steps=6, seed=4)
    means, _ = exact.forecast(x, 1)
    found = torch.stack([dmm.forecast(x, 1, num_samples=3000).mean(0) for _ in range(12)])
    assert (z_scores(found, means).abs() < 5).all()
    assert (found.mean(0) - means).abs().max() < 0.05


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_padded_and_an_unpadded_batch_have_one_bound(exact, form):
    dmm = deep(exact, posterior=form, lengths=True)
    x, lengths = exact.sample(3, num_steps=6, seed=5), torch.tensor([6, 2, 4])
    padded = torch.cat([x, torch.full((3, 4, D), 7.0, dtype=x.dtype)], 1)
    for row, length in enumerate(lengths.tolist()):
        alone = x[row : row + 1, :length]
        pyro.set_rng_seed(1)
        z = dmm.encode(alone, torch.tensor([length])).sample()
        wide = torch.randn(1, 10, L, dtype=x.dtype)
        wide[:, :length] = z
        short = [dmm.chain(length), dmm.encode(alone, torch.tensor([length])), dmm.decode(z)]
        one = padded[row : row + 1], lengths[row : row + 1]
        inside = torch.arange(10)[None] < one[1][:, None]
        long = [dmm.chain(10, inside), dmm.encode(*one)]
        ratio = short[0].log_prob(z) - short[1].log_prob(z)
        close(long[0].log_prob(wide) - long[1].log_prob(wide), ratio)
        close(dmm._emitted(wide, dmm._steps(*one, "test")).log_prob(one[0]),
              short[2].log_prob(alone))  # fmt: skip


def test_lengths_have_the_evidence_of_what_was_seen(exact):
    dmm = deep(exact, lengths=True)
    x, lengths = exact.sample(3, num_steps=4, seed=6), torch.tensor([4, 1, 2])
    found = log_evidence(dmm.model, dmm.guide, x, lengths, num_particles=8_000, seed=0)
    gap = found.log_px - exact.log_px(x, lengths)
    assert (gap.abs() < 5 * found.standard_error + 1e-3).all()
    short = exact.sample(3, num_steps=2, seed=6)
    ahead = dmm.forecast(x, 2, lengths, num_samples=3000)
    means, _ = exact.forecast(x[1:2, :1], 2)
    assert (ahead[:, 1].mean(0) - means[0]).abs().max() < 0.15
    assert dmm.reconstruct(short, torch.tensor([1, 2, 1]))[0, 1].abs().max() == 0


def test_missing_values_are_integrated_out(exact):
    dmm = deep(exact, missing=True)
    x = exact.sample(2, num_steps=4, seed=7)
    mask = torch.ones_like(x, dtype=torch.bool)
    mask[:, 1] = False
    found = log_evidence(dmm.model, dmm.guide, x, mask, num_particles=8_000, seed=0)
    of = exact.dynamics()
    # The joint normal without the second step: its covariance, from the moments of the chain.
    chain = exact.chain(4)
    means = chain.mean @ of.emission.T + of.bias
    cov = chain.covariances()
    blocks = [[of.emission @ _between(cov, of.transition, i, j) @ of.emission.T
               + (i == j) * of.noise_cov for j in range(4)] for i in range(4)]  # fmt: skip
    kept = [0, 2, 3]
    spread = torch.cat([torch.cat([blocks[i][j] for j in kept], 1) for i in kept])
    dense = torch.distributions.MultivariateNormal(means[kept].flatten(), spread)
    gap = found.log_px - dense.log_prob(x[:, kept].flatten(1))
    assert (gap.abs() < 5 * found.standard_error + 1e-3).all()


def _between(cov, transition, i, j):
    if i < j:
        return _between(cov, transition, j, i).T
    return torch.linalg.matrix_power(transition, i - j) @ cov[j]


def test_the_shape_of_what_it_makes(exact):
    dmm = deep(exact)
    assert dmm.generate(3).shape == (3, 6, D)
    assert dmm.generate(3, num_steps=9, mean=False).shape == (3, 9, D)
    assert dmm.reconstruct(exact.sample(2, num_steps=11, seed=0), latent="mean").shape == (
        2,
        11,
        D,
    )


def test_what_is_refused(exact):
    with pytest.raises(ConfigError, match="the mask says both"):
        deep(exact, lengths=True, missing=True)
    with pytest.raises(ShapeError, match=r"\(T, 1\) for"):
        DeepMarkovModel(6, 2)
    x = exact.sample(2, num_steps=4, seed=0)
    with pytest.raises(ShapeError, match=r"needs \[B, T, 3\]"):
        deep(exact).encode(x[0])
    timed = deep(exact, lengths=True)
    with pytest.raises(ConfigError, match="built with lengths and got x alone"):
        timed.encode(x)
    with pytest.raises(ConfigError, match="built with neither"):
        deep(exact).encode(x, torch.tensor([1, 2]))
    with pytest.raises(DataError, match="an empty sequence: .* row 1"):
        timed.encode(x, torch.tensor([1, 0]))
    with pytest.raises(ShapeError, match=r"torch.bool for 2 sequences"):
        timed.encode(x, torch.tensor([True, True]))
    with pytest.raises(DataError, match="beyond the 4 steps"):
        timed.encode(x, torch.tensor([1, 5]))
    with pytest.raises(ConfigError, match="horizon"):
        deep(exact).forecast(x, 0)
