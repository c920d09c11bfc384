"""The table of scores against foreign data, and the failure that it shows."""

import json

import numpy as np
import pytest
import torch
from scipy.stats import chi2

from pyrovae.apply import ELBOScore, EvidenceScore, LikelihoodRatio, Typicality, detect_anomalies
from pyrovae.data import Split
from pyrovae.errors import ConfigError, DataError, ShapeError
from pyrovae.models import VAE, Autoencoder, ConditionalVAE
from pyrovae.nn import Binomial
from tests.apply.anomaly.pairs import exact, marginal

PAIR = exact(0)
EVIDENCE = EvidenceScore(2)
X = PAIR.sample(1200, seed=1)
IMAGES = torch.randint(0, 17, (60, 1, 4, 4), generator=torch.Generator().manual_seed(0)).float()


def test_the_known_failure_of_likelihoods_exactly():
    """Data near the mean are more likely than the pair's own; typicality sees through it."""
    bias, sigma = marginal(PAIR)
    noise = torch.randn(1000, 5, generator=torch.Generator().manual_seed(5)).double()
    near = bias + 0.25 * noise @ torch.linalg.cholesky(sigma).T
    found = detect_anomalies(
        PAIR, X, foreign=near, scores=[], others=[EVIDENCE, Typicality(EVIDENCE)],
        val=PAIR.sample(1000, seed=2), seed=0,
    )  # fmt: skip
    # Q of own data is chi-square of 5, that of the others a sixteenth of one: P(Q_own < Q_near).
    points = chi2(5).ppf((np.arange(4000) + 0.5) / 4000)
    auroc = chi2(5).cdf(points / 16).mean()
    evidence, typical = (found.discrimination[n] for n in ("evidence", "typicality"))
    assert abs(evidence.auroc - auroc) < 4 * max(evidence.auroc_error, 1e-3)
    assert evidence.auroc < 0.05 and typical.auroc > 0.5
    assert "evidence ranks the foreign data as more normal" in str(found)
    assert found.alarms["evidence"].found == 0
    low, high = found.alarms["evidence"].interval
    spread = 4 * (0.05 / len(X)) ** 0.5
    assert low - spread < found.alarms["evidence"].false < high + spread


def test_a_shift_is_found_and_told():
    found = detect_anomalies(PAIR, X, foreign=X[:90] + 3, seed=0, scores=["elbo", "kl"],
                             background=exact(4))  # fmt: skip
    assert list(found.discrimination) == ["elbo", "kl", "ratio"]
    assert found.discrimination["elbo"].auroc > 0.95
    lines = str(found).splitlines()
    assert lines[0].split()[:2] == ["score", "AUROC"] and lines[1].startswith("elbo")
    assert "600 normal and 90 foreign data" in str(found)  # one half calibrates
    assert json.loads(json.dumps(found.numbers()))["scores"]["elbo"]["alarms"]["found"] > 0.5
    assert set(found.arrays()) == {f"{kind}_{name}" for kind in ("normal", "foreign")
                                   for name in found.discrimination}  # fmt: skip
    assert len(found.plot().axes) == 3  # no images


def test_the_same_seed_gives_the_same_table():
    tables = [str(detect_anomalies(PAIR, X[:200], foreign="shuffled", seed=3,
                                   scores=["elbo", "typicality"])) for _ in range(2)]  # fmt: skip
    assert tables[0] == tables[1]
    empty = detect_anomalies(PAIR, X[:200], foreign="shuffled", seed=3, val=Split(X[:0]),
                             scores=["elbo", "typicality"])  # fmt: skip
    assert str(empty) == tables[0], "an empty split of a run is none"


def test_a_held_out_class_of_images():
    y = torch.arange(60) % 3
    pair = VAE((1, 4, 4), 2, likelihood=Binomial(16))
    found = detect_anomalies(pair, Split(IMAGES, y), held_out_class=2, val=Split(IMAGES, y),
                             scores=["elbo", "complexity"], seed=0)  # fmt: skip
    assert found.numbers()["num_normal"] == 40 and found.numbers()["num_foreign"] == 20
    assert len(found.extremes) == 4 and found.extremes[0][1].shape == (12, 1, 4, 4)
    shown = [axes for axes in found.plot().axes] + [
        axes for part in found.plot().subfigs for axes in part.axes
    ]
    assert len(shown) >= 6
    with pytest.raises(DataError, match="0 of 60 data .* labels are"):
        detect_anomalies(pair, Split(IMAGES, y), held_out_class=7)
    with pytest.raises(DataError, match="x is a Tensor without"):
        detect_anomalies(pair, IMAGES, held_out_class=1)


def test_by_default_all_scores_that_the_pair_can_have():
    x = np.random.default_rng(0).integers(0, 2, (80, 4)).astype(np.uint8)
    found = detect_anomalies(Autoencoder((4,), 2), x, foreign="constant", seed=0)
    assert set(found.discrimination) == {"reconstruction", "latent"}
    assert "improper" in found.left_out["elbo"] and "elbo: the score" in str(found)
    with pytest.raises(ConfigError, match="improper"):
        detect_anomalies(Autoencoder((4,), 2), x, foreign="constant", scores=["elbo"])


def test_a_background_is_made_on_demand():
    pair, x = VAE((1, 4, 4), 2, likelihood=Binomial(16)), IMAGES
    options = {"foreign": "noise", "scores": ["kl"], "seed": 0}
    found = detect_anomalies(pair, x, train=x, background_epochs=1, **options)
    assert list(found.discrimination) == ["kl", "ratio"]
    with pytest.raises(ConfigError, match="train="):
        detect_anomalies(pair, x, background_epochs=1, **options)


def test_files_tuples_and_other_types(tmp_path):
    np.save(tmp_path / "foreign.npy", (IMAGES[:20].flatten(1)).numpy().astype(np.uint8))
    pair = VAE((1, 4, 4), 2, likelihood=Binomial(16))
    found = detect_anomalies(pair, IMAGES.numpy().astype(np.uint8), scores=["kl"], seed=0,
                             foreign=str(tmp_path / "foreign.npy"))  # fmt: skip
    assert found.numbers()["num_foreign"] == 20
    labels = torch.arange(60) % 3
    both = ConditionalVAE((1, 4, 4), 2, num_classes=3, likelihood=Binomial(16))
    for foreign in ("inverted", (IMAGES[:9], labels[:9])):
        found = detect_anomalies(both, (IMAGES, labels), foreign=foreign, seed=0,
                                 others=[ELBOScore(3)], scores=[])  # fmt: skip
        assert found.discrimination["elbo"].auroc >= 0


def test_refusals():
    for given in ({}, {"foreign": X, "held_out_class": 1}):
        with pytest.raises(ConfigError, match="either foreign= .* or held_out_class="):
            detect_anomalies(PAIR, X, **given)
    with pytest.raises(ConfigError, match="no foreign data 'fog'"):
        detect_anomalies(PAIR, X, foreign="fog")
    with pytest.raises(ShapeError, match=r"\[4\] each"):
        detect_anomalies(PAIR, X, foreign=X[:, :4], scores=["kl"])
    with pytest.raises(ConfigError, match="no scores"):
        detect_anomalies(PAIR, X, foreign="noise", scores=[])
    with pytest.raises(TypeError, match="detect_anomalies"):
        detect_anomalies(PAIR, X, foreign="noise", foriegn=1)
    assert LikelihoodRatio(PAIR).name == "ratio"
