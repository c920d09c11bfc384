"""Each score is what its formula says, on pairs in closed form, and on every kind of pair."""

import math
import zlib
from io import BytesIO

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from PIL import Image
from scipy.stats import kstest, multivariate_normal

from pyrovae.apply import (
    ELBOScore,
    EvidenceScore,
    InputComplexity,
    KLScore,
    LatentDensity,
    LikelihoodRatio,
    ReconstructionScore,
    Typicality,
    typicality_test,
)
from pyrovae.apply.anomaly.scores import as_score, score_names
from pyrovae.data.synthetic import LinearGaussian
from pyrovae.errors import ConfigError, DataError, PlateError, SiteError
from pyrovae.models import VAE, Autoencoder, ConditionalVAE
from tests.apply.anomaly.pairs import exact
from tests.pairs import STYLES

ORACLE = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
EXACT = exact(1)
X = ORACLE.sample(50, seed=1)


def _few(name):
    """A score that is quick, on pairs that have no closed form."""
    made = {"elbo": ELBOScore(3), "evidence": EvidenceScore(3), "kl": KLScore(3),
            "reconstruction": ReconstructionScore(num_particles=3),
            "typicality": Typicality(ELBOScore(3), centre=0.0)}  # fmt: skip
    return made[name]


def test_elbo_reconstruction_and_kl_are_the_closed_forms():
    torch.testing.assert_close(KLScore()(ORACLE, X), -ORACLE.kl(X))
    found = ReconstructionScore(num_particles=4000)(ORACLE, X, seed=0)
    assert ((found - ORACLE.reconstruction(X)).abs().mean()) < 0.05
    torch.testing.assert_close(
        ELBOScore(4000)(ORACLE, X, seed=0), found - ORACLE.kl(X), rtol=1e-9, atol=1e-9
    )


def test_reconstruction_at_the_mean():
    mean = ORACLE.encoder.affine(X)
    expected = ORACLE.decoder(mean).log_prob(X)
    found = ReconstructionScore(at="mean")(ORACLE, X)
    torch.testing.assert_close(found, expected.detach())


@pytest.mark.parametrize("score", [EvidenceScore(3), EvidenceScore(40)])
def test_evidence_with_the_exact_posterior_is_exact(score):
    torch.testing.assert_close(score(EXACT, X), EXACT.log_px(X).detach())


def test_the_ratio_of_two_exact_pairs_is_exact():
    other = exact(2)
    expected = EXACT.log_px(X) - other.log_px(X)
    for background in (other, (other.model, other.guide)):
        found = LikelihoodRatio(background, EvidenceScore(2))(EXACT, X)
        torch.testing.assert_close(found, expected.detach())


def test_typicality_is_its_formula():
    reference = EXACT.sample(200, seed=3)
    score = Typicality(EvidenceScore(2)).fit(EXACT, reference)
    centre = EXACT.log_px(reference).mean().detach()
    torch.testing.assert_close(score.centre, float(centre))
    torch.testing.assert_close(score(EXACT, X), -(EXACT.log_px(X) - centre).abs().detach())
    assert Typicality().centre is None, "a fit changes nothing in place"
    with pytest.raises(ConfigError, match="score.fit"):
        Typicality()(EXACT, X)


def test_typicality_of_batches():
    """Its p-values are uniform under normal data, and small for likelihoods that are too high."""
    rng = np.random.default_rng(0)
    reference, calibration = rng.normal(size=20_000), rng.normal(size=5000)
    p_values = [typicality_test(rng.normal(size=20), reference, calibration, seed=i).p_value
                for i in range(200)]  # fmt: skip
    assert kstest(p_values, "uniform").pvalue > 1e-3
    high = typicality_test(rng.normal(size=20) + 1.5, reference, calibration)
    assert high.p_value < 0.01 and abs(high.statistic - 1.5) < 4 / 20**0.5
    with pytest.raises(DataError, match="batch holds 0 values"):
        typicality_test([], reference, calibration)


def test_the_density_of_codes_is_that_of_the_aggregate_posterior():
    reference, pair = EXACT.sample(20_000, seed=4), EXACT
    score = LatentDensity(num_particles=200).fit(pair, reference, seed=0)
    # Under the model the aggregate posterior is the prior: E_q log N(z; 0, I), in closed form.
    q = pair.posterior(X)
    expected = -0.5 * (2 * math.log(2 * math.pi) + q.mean.square().sum(-1)
                       + q.covariance_matrix.diagonal(dim1=-2, dim2=-1).sum(-1))  # fmt: skip
    assert (score(pair, X, seed=1) - expected).abs().mean() < 0.1
    with pytest.raises(DataError, match="3 codes of 2 numbers"):
        LatentDensity().fit(pair, reference[:3])
    with pytest.raises(ConfigError, match="codes of normal data"):
        LatentDensity()(pair, X)


def test_complexity_is_the_likelihood_and_the_length_of_a_file():
    x = torch.randint(0, 2, (4, 1, 6, 6), generator=torch.Generator().manual_seed(0)).float()
    vae = VAE((1, 6, 6), 2)
    base = ELBOScore(5)
    found = InputComplexity(base)(vae, x, seed=0) - base(vae, x, seed=0)
    sizes = []
    for image in x.numpy().astype(np.uint8):
        file = BytesIO()
        Image.fromarray(image[0]).save(file, "png", optimize=True)
        sizes.append(file.tell())
    torch.testing.assert_close(found, 8 * math.log(2) * torch.tensor(sizes).double())
    flat, rows = VAE((36,), 2), x.flatten(1)
    found = InputComplexity(base)(flat, rows, seed=0) - base(flat, rows, seed=0)
    bits = 8 * len(zlib.compress(rows[0].numpy().astype(np.uint8).tobytes(), 9))
    assert float(found[0]) == pytest.approx(bits * math.log(2))
    with pytest.raises(DataError, match="levels, whole numbers from 0 to 255"):
        InputComplexity()(ORACLE, X)


@pytest.mark.parametrize("style", sorted(set(STYLES) - {"subsampled_plate"}))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_style_of_pair(style, dtype):
    pair = STYLES[style](dtype)
    for name in ("elbo", "evidence", "reconstruction", "kl", "typicality"):
        found = _few(name)(pair.model, pair.guide, pair.args[0], seed=0)
        assert found.shape == (len(pair.args[0]),) and found.dtype == torch.float64
        assert found.isfinite().all()
        one = _few(name)(pair.model, pair.guide, pair.args[0][:1].numpy(), seed=0)
        assert one.shape == (1,)
    at_mean = ReconstructionScore(at="mean")(pair.model, pair.guide, pair.args[0])
    assert at_mean.shape == (len(pair.args[0]),)
    if style not in ("nested_plate",):
        score = LatentDensity(num_particles=2).fit(
            pair.model, pair.guide, pair.args[0].repeat_interleave(5, 0)
        )
        assert score(pair.model, pair.guide, pair.args[0]).isfinite().all()


def test_a_conditional_pair_takes_both():
    pair = ConditionalVAE((4,), 2, num_classes=3)
    x, y = np.zeros((5, 4), np.uint8), np.array([0, 1, 2, 0, 1])
    for score in (ELBOScore(3), ReconstructionScore(at="mean"), EvidenceScore(3)):
        assert score(pair, (x, y), seed=0).shape == (5,)


def test_a_discrete_latent_at_its_mode():
    def model(x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Categorical(torch.ones(2) / 2))
            pyro.sample("x", dist.Normal(4.0 * z, 1.0), obs=x)

    def guide(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Categorical(logits=torch.stack([2 - x, x - 2], -1)))

    x = torch.tensor([0.0, 4.0, 5.0])
    found = ReconstructionScore(at="mean")(model, guide, x)
    expected = multivariate_normal.logpdf([0.0, 0.0, 1.0])
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    with pytest.raises(SiteError, match="the guide draws none"):
        LatentDensity().fit(model, guide, x)


@pytest.mark.parametrize("name", ["elbo", "evidence", "kl", "typicality"])
def test_an_autoencoder_has_no_evidence(name):
    pair, x = Autoencoder((4,), 2), torch.zeros(3, 4)
    with pytest.raises(ConfigError, match="improper.*use the score 'reconstruction'"):
        _few(name)(pair, x)
    assert ReconstructionScore(num_particles=2)(pair, x).isfinite().all()


def test_refusals():
    with pytest.raises(PlateError, match="scores by datum"):
        ELBOScore()(ORACLE, X, batch_plate=None)
    with pytest.raises(ConfigError, match='"draws" or "mean"'):
        ReconstructionScore(at="mode")
    with pytest.raises(ConfigError, match="no score 'ratio'.*LikelihoodRatio"):
        as_score("ratio")
    assert [as_score(name).name for name in score_names()] == score_names()


def test_nothing_is_moved():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    for name in ("elbo", "evidence", "reconstruction"):
        _few(name)(ORACLE, X, seed=0)
    assert torch.equal(torch.get_rng_state(), before)
