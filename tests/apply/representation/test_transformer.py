"""The transformer in scikit-learn's own tools."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pyrovae.apply import Features
from pyrovae.data.synthetic import LinearGaussian
from pyrovae.errors import DataError, SiteError
from pyrovae.evaluate import posterior_means
from pyrovae.models import VAE

PAIR = LinearGaussian.random(data_dim=6, latent_dim=2, seed=0)
X = PAIR.sample(60, seed=1).numpy()
Y = (X[:, 0] > X[:, 0].mean()).astype(int)


@pytest.mark.parametrize("pair", [PAIR, (PAIR.model, PAIR.guide)])
def test_it_gives_posterior_means(pair):
    found = Features(pair).fit_transform(X)
    np.testing.assert_array_equal(found, posterior_means(PAIR, X).numpy())
    assert found.shape == (60, 2) and found.dtype == np.float64


def test_it_works_in_a_pipeline():
    pipeline = make_pipeline(Features(PAIR), StandardScaler(), LogisticRegression())
    assert pipeline.fit(X, Y).score(X, Y) > 0.7
    assert cross_val_score(pipeline, X, Y, cv=3).mean() > 0.6
    assert pipeline[:1].get_feature_names_out().tolist() == ["z0", "z1"]


def test_a_clone_is_not_fitted():
    fitted = Features(PAIR, num_particles=7).fit(X)
    other = clone(fitted)
    assert other.get_params()["num_particles"] == 7
    with pytest.raises(NotFittedError):
        other.transform(X)


def test_tables_become_images():
    pair, table = VAE((1, 4, 4), 3), np.random.default_rng(0).integers(0, 2, (5, 16))
    found = Features(pair, data_shape=(1, 4, 4)).fit(table)
    torch.testing.assert_close(
        torch.tensor(found.transform(table)),
        posterior_means(pair, table.reshape(5, 1, 4, 4)),
    )
    assert found.transform(table[:1]).shape == (1, 3) and found.n_features_in_ == 16


def test_refusals():
    with pytest.raises(DataError, match=r"\[16\].*data_shape=\(1, 5, 5\)"):
        Features(VAE((1, 5, 5), 3), data_shape=(1, 5, 5)).fit(np.zeros((2, 16)))
    with pytest.raises(DataError, match="6 numbers each, and got 5"):
        Features(PAIR).fit(X).transform(X[:, :5])
    with pytest.raises(SiteError, match="no latent 'w'"):
        Features(PAIR, site="w").fit(X)
