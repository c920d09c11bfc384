"""Features of pairs whose best prediction is known exactly."""

import math

import pyro
import pytest
import torch

from pyrovae import fit
from pyrovae.apply import features
from pyrovae.data import Split, digits
from pyrovae.data.synthetic import LinearGaussian
from pyrovae.errors import ConfigError, DataError, SiteError
from pyrovae.models import ConditionalVAE, HierarchicalVAE, ProbabilisticPCA
from pyrovae.nn import Binomial
from pyrovae.objectives import ELBO

LATENT, DATA = 2, 100
RNG = torch.Generator().manual_seed(0)
WEIGHT = 0.15 * torch.randn(DATA, LATENT, generator=RNG, dtype=torch.float64)
PAIR = LinearGaussian(WEIGHT, torch.zeros(DATA).double(), 1.0)  # its guide is the exact posterior


def sample(n, seed):
    """Data, and the first unit of the latent that each was made of."""
    rng = torch.Generator().manual_seed(seed)
    z = torch.randn(n, LATENT, generator=rng, dtype=torch.float64)
    noise = torch.randn(n, DATA, generator=rng, dtype=torch.float64)
    return z @ WEIGHT.T + noise, z[:, 0]


def known_correlation():
    """Of z_0 and E[z_0|x]: its square is the share of the variance of z_0 that x explains."""
    covariance = torch.linalg.inv(torch.eye(LATENT).double() + WEIGHT.T @ WEIGHT)
    return float((1 - covariance[0, 0]).sqrt())


@pytest.fixture(scope="module")
def by_sign():
    (x, z), (test_x, test_z) = sample(1000, 1), sample(4000, 2)
    train, test = Split(x, y=(z > 0).long()), Split(test_x, y=(test_z > 0).long())
    return features(PAIR, test, train=train, num_labelled=[40, 1000], num_repeats=3, seed=0)


def test_exact_posterior_means_reach_the_bayes_accuracy(by_sign):
    # P(sign E[z_0|x] = sign z_0) = 1 - arccos(correlation) / pi
    bayes = 1 - math.acos(known_correlation()) / math.pi
    noise = (bayes * (1 - bayes) / 4000) ** 0.5
    few, many = by_sign.means().tolist()
    assert abs(many - bayes) < 4 * noise + 0.005
    assert bayes - 0.04 < few < bayes + 4 * noise


def test_raw_data_of_many_dimensions_do_not(by_sign):
    gap = by_sign.scores["latents"] - by_sign.scores["raw"]
    assert bool((gap[0] > 0.03).all()) and by_sign.means("raw")[0] > 0.55
    assert gap[1].mean() < 0.5 * gap[0].mean()  # many labels make it up
    assert by_sign.num_latents == LATENT and by_sign.score == "accuracy"


def test_values_are_regressed():
    (x, z), (test_x, test_z) = sample(2000, 1), sample(4000, 2)
    found = features(PAIR, Split(test_x, y=test_z), train=Split(x, y=z), num_labelled=[2000],
                     num_repeats=1, seed=0)  # fmt: skip
    assert found.score == "R^2"
    assert found.means()[0] == pytest.approx(known_correlation() ** 2, abs=0.02)
    assert math.isnan(found.standard_errors()[0])


def test_principal_components_are_the_posterior_means_of_probabilistic_pca():
    (x, z), (test_x, test_z) = sample(500, 1), sample(500, 2)
    pair = ProbabilisticPCA((DATA,), LATENT).double()
    pair.solve(x)
    train, test = Split(x, y=(z > 0).long()), Split(test_x, y=(test_z > 0).long())
    found = features(pair, test, train=train, num_labelled=[30, 100], num_repeats=2,
                     standardise="each", seed=0)  # fmt: skip
    # The same up to scale and sign of each unit, which standardised features do not see.
    torch.testing.assert_close(found.scores["latents"], found.scores["PCA"], atol=0.003, rtol=0)


def test_a_table_a_picture_and_numbers(by_sign):
    lines = str(by_sign).splitlines()
    assert lines[0].split()[:4] == ["labels", "latents", "raw", "PCA"] and len(lines) == 3
    numbers = by_sign.numbers()
    assert numbers["num_labelled"] == [40, 1000]
    assert numbers["means"]["PCA"] == by_sign.means("PCA").tolist()
    error = by_sign.scores["raw"][0].std() / 3**0.5
    assert numbers["standard_errors"]["raw"][0] == pytest.approx(float(error))
    axes = by_sign.plot().axes[0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["latents", "raw", "PCA"]


def test_digits_of_any_kind_and_a_hierarchy():
    whole = digits()
    train = Split(
        whole.train.x, torch.where(torch.arange(len(whole.train)) < 300, whole.train.y, -1)
    )
    pyro.set_rng_seed(0)
    pair = HierarchicalVAE((1, 8, 8), (3, 2), likelihood=Binomial(16))
    fit(pair.model, pair.guide, whole.train, objective=ELBO(), epochs=2, lr=5e-3, device="cpu",
        progress=False)  # fmt: skip
    x, y = whole.test.x[:100].byte().numpy(), whole.test.y[:100].tolist()
    state = torch.get_rng_state()
    found = [
        features(
            pair, x, y, train=train, num_labelled=[50], num_repeats=2, num_particles=5, seed=0
        )
        for _ in range(2)
    ]
    assert torch.equal(found[0].scores["latents"], found[1].scores["latents"])
    assert torch.equal(state, torch.get_rng_state())
    assert found[0].num_latents == 5 and bool((found[0].scores["latents"] > 0.2).all())
    one = features(pair, x, y, train=train, num_labelled=[50], num_repeats=1, num_particles=5,
                   site="z2", seed=0)  # fmt: skip
    assert one.num_latents == 2


def test_refusals():
    x, z = sample(20, 0)
    split = Split(x, y=(z > 0).long())
    with pytest.raises(ConfigError, match=r"called as \(x, y\)"):
        features(ConditionalVAE((1, 4, 4), 2, num_classes=3), split, train=split)
    with pytest.raises(DataError, match="no labels for 20 data"):
        features(PAIR, x, train=split)
    with pytest.raises(DataError, match="none of which has a label"):
        features(PAIR, split, train=Split(x, y=torch.full((20,), -1)))
    probabilities = Split(x.sigmoid(), y=split.y, dynamic=True)
    with pytest.raises(DataError, match="draws afresh; give one draw"):
        features(PAIR, split, train=probabilities)
    with pytest.raises(DataError, match="50 labelled data, of 20"):
        features(PAIR, split, train=split)
    with pytest.raises(DataError, match="float64 for train and torch.int64"):
        features(PAIR, split, train=Split(x, y=z))
    with pytest.raises(SiteError, match=r"no latent 'w'.*\['z'\]"):
        features(PAIR, split, train=split, num_labelled=[10], site="w")
    with pytest.raises(ConfigError, match="num_repeats=0"):
        features(PAIR, split, train=split, num_repeats=0)
