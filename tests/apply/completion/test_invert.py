"""Data given a degradation of them, against exact conditionals; small images made large."""

import pytest
import torch
from torch.distributions import MultivariateNormal

from pyrovae.apply import invert, super_resolve
from pyrovae.data.synthetic import LinearGaussian, LinearGaussianChain
from pyrovae.errors import ConfigError, ShapeError
from pyrovae.models import VAE, PartialVAE
from pyrovae.nn import Binomial, Normal
from tests.apply.completion.exact import given, normal_of, normal_of_chain, z_scores

MATRIX = torch.tensor([[1.0, 1, 0, 0, 0, 0], [0, 0, 1, 1, 0, 0], [0, 0.5, 0, 0, 1, -1]]).double()
CASES = {
    "hmc": {"num_completions": 300, "num_steps": 30, "num_leapfrog": 4},
    "metropolis-gibbs": {"num_completions": 400, "num_steps": 120},
    "importance": {"num_completions": 400, "num_particles": 10_000},
}
QUICK = {"num_completions": 3, "num_steps": 8, "num_particles": 16, "num_leapfrog": 2, "seed": 0}


@pytest.mark.parametrize("method", CASES)
@pytest.mark.parametrize("kind", [LinearGaussian, LinearGaussianChain])
def test_mean_and_covariance_are_exact(method, kind):
    if kind is LinearGaussian:
        pair = kind.random(data_dim=6, latent_dim=2, seed=0)
        normal = normal_of(pair)
    else:
        pair = kind.random(data_dim=6, latent_dims=(3, 2), seed=0)
        normal = normal_of_chain(pair)
    x = pair.sample(1, seed=1)
    found = invert(pair, x, degradation=MATRIX, noise=0.4, method=method, seed=2, **CASES[method])
    loc, covariance = given(normal, MATRIX, 0.4, found.observed.double())
    size = len(found.completions)
    ess = 1 / (1 / size + 1 / float(found.ess.min())) if method == "importance" else None
    scores = z_scores(found.completions, loc, covariance, ess)
    assert max(scores) < 4.5, f"z-scores of mean and covariance: {scores}"
    slack = 0.1 if method != "importance" else 5 / float(found.ess.min()) ** 0.5
    torch.testing.assert_close(found.mean, loc, atol=slack, rtol=0)
    torch.testing.assert_close(found.std[0], covariance.diagonal().sqrt(), atol=slack, rtol=0)
    exact = MultivariateNormal(loc, covariance).log_prob(x)
    for name, held in found.log_hidden.items():
        # Weights of a guide that is wrong have heavy tails, and errors that are stated too small.
        off, error = (held.log_prob - exact).abs(), held.standard_error
        assert off < 4 * error + 0.1, f"{name}: {off} off, with an error of {error}"


def test_what_is_left_alone_is_enough():
    pair = LinearGaussian.random(data_dim=6, latent_dim=2, seed=0)
    y = torch.randn(4, 3)  # and the pair is of doubles
    found = invert(pair, y, degradation=lambda x: x.flatten(1) @ MATRIX.to(x).T, data_shape=(6,),
                   method="importance", **QUICK)  # fmt: skip
    assert found.completions.shape == (3, 4, 6) and torch.equal(found.observed, y)
    assert not found.scored.any() and found.numbers()["psnr"] is None


@pytest.mark.usefixtures("quick_chains")
@pytest.mark.parametrize("method", ["hmc", "metropolis-gibbs", "importance"])
def test_small_images_are_made_large(method):
    pair = VAE((1, 4, 4), 2, likelihood=Binomial(16))
    x = torch.randint(0, 17, (5, 1, 4, 4)).float()
    found = super_resolve(pair, x, noise=0.5, **{**QUICK, "method": method})
    assert found.observed.shape == (5, 1, 2, 2)
    assert torch.equal(found.completions, found.completions.round())
    assert found.plot() is not None and all(h.log_prob.isfinite().all() for h in
                                            found.log_hidden.values())  # fmt: skip
    alone = super_resolve(pair, found.observed, noise=0.5, is_small=True,
                          **{**QUICK, "method": method})  # fmt: skip
    assert alone.completions.shape == (3, 5, 1, 4, 4) and not alone.scored.any()
    torch.testing.assert_close(alone.completions, found.completions, atol=1e-3, rtol=0)


def test_a_pair_that_takes_masks_gets_one():
    pair = PartialVAE((6,), 2, likelihood=Normal(0.5))
    x, mask = torch.randn(4, 6), torch.ones(4, 6).bool()
    for data in (x, (x, mask)):
        found = invert(pair, data, degradation=MATRIX, **{**QUICK, "method": "importance"})
        assert found.completions.isfinite().all()


def test_refusals():
    pair = LinearGaussian.random(data_dim=6, latent_dim=2, seed=0)
    x = pair.sample(2, seed=0)
    with pytest.raises(ConfigError, match="noise is 0"):
        invert(pair, x, degradation=MATRIX, noise=0)
    with pytest.raises(ShapeError, match=r"\[3, 5\], and must be \[M, 6\]"):
        invert(pair, x, degradation=MATRIX[:, :5])
    with pytest.raises(ShapeError, match="6 values a datum, and the degradation gives 3"):
        invert(pair, x, degradation=MATRIX, data_shape=(6,))
    with pytest.raises(ShapeError, match="do not divide"):
        super_resolve(pair, x)
