"""The linear probe chooses its penalty within the labelled data."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from pyrovae.evaluate.latents.linear_probe import linear_probe

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("standardise", ["together", "each"])
def test_turning_the_features_changes_nothing(standardise):
    x = RNG.normal(size=(30, 50)) * np.linspace(0.2, 3, 50)  # more columns than data
    y = (x[:, 0] > 0).astype(int)
    ours = linear_probe(y, standardise=standardise).fit(x, y)
    penalty = ours[-1].best_params_["C"]
    scale = x.std(0) if standardise == "each" else x.var(0).mean() ** 0.5
    scaled = (x - x.mean(0)) / scale
    theirs = LogisticRegression(C=penalty, max_iter=2000, tol=1e-8).fit(scaled, y)
    np.testing.assert_allclose(ours.predict_proba(x), theirs.predict_proba(scaled), atol=1e-3)


def test_useless_features_are_penalised_and_telling_ones_are_not():
    x = RNG.normal(size=(200, 5))
    noise, told = RNG.integers(0, 2, 200), (x[:, 0] > 0).astype(int)
    assert linear_probe(noise).fit(x, noise)[-1].best_params_["C"] < 1
    assert linear_probe(told).fit(x, told)[-1].best_params_["C"] >= 1


def test_a_class_of_one_datum_leaves_no_choice():
    x, y = RNG.normal(size=(5, 3)), np.array([0, 0, 1, 1, 2])
    assert isinstance(linear_probe(y).fit(x, y)[-1], LogisticRegression)


def test_values_are_regressed():
    x = RNG.normal(size=(100, 3))
    y = x @ [1.0, -2.0, 0.5] + 0.1 * RNG.normal(size=100)
    assert linear_probe(y).fit(x, y).score(x, y) == pytest.approx(0.998, abs=0.002)


def test_features_of_no_size_say_nothing_where_they_stay_small():
    telling = RNG.normal(size=(40, 1))
    y = (telling[:, 0] > 0).astype(int)
    x = np.concatenate([telling, 1e-3 * RNG.normal(size=(40, 60))], 1)
    new = np.concatenate([RNG.normal(size=(2000, 1)), 1e-3 * RNG.normal(size=(2000, 60))], 1)
    truth = (new[:, 0] > 0).astype(int)
    together, each = (
        linear_probe(y, standardise=how).fit(x, y).score(new, truth)
        for how in ("together", "each")
    )
    assert together > 0.93 and each < 0.85
