"""AUROC, AUPR and FPR on values known in closed form, and their errors."""

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from pyrovae.apply.anomaly.discrimination import delong, discrimination
from pyrovae.errors import DataError

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("shift", [0.0, 0.7, 2.0])
def test_two_gaussians(shift):
    """AUROC is Phi(d / sqrt 2), and the FPR at 95 % kept is Phi(d - z) mirrored."""
    found = discrimination(RNG.normal(shift, 1, 3000), RNG.normal(0, 1, 2000))
    exact = norm.cdf(shift / 2**0.5)
    assert abs(found.auroc - exact) < 4 * found.auroc_error
    kept = shift - norm.ppf(0.95)  # 95 % of the normal data lie above it
    assert abs(found.fpr95 - norm.sf(kept)) < 4 * found.fpr95_error
    assert found.prevalence == 0.4


def test_the_error_of_auroc_is_its_spread():
    drawn = [delong(RNG.normal(1, 1, 60), RNG.normal(0, 2, 40)) for _ in range(1500)]
    aurocs, errors = np.array(drawn).T
    assert np.sqrt((errors**2).mean()) == pytest.approx(aurocs.std(), rel=0.08)
    z = (aurocs.mean() - norm.cdf(1 / 5**0.5)) / (aurocs.std() / len(aurocs) ** 0.5)
    assert abs(z) < 4


def test_errors_by_bootstrap_are_the_spread():
    drawn = [discrimination(RNG.normal(1, 1, 200), RNG.normal(0, 1, 200), num_bootstrap=2).aupr
             for _ in range(200)]  # fmt: skip
    found = discrimination(RNG.normal(1, 1, 200), RNG.normal(0, 1, 200))
    assert found.aupr_error == pytest.approx(np.std(drawn), rel=0.35)


def test_as_scikit_learn_with_ties_and_infinities():
    normal = RNG.integers(0, 9, 80).astype(float)
    foreign = RNG.integers(-4, 6, 50).astype(float)
    foreign[0] = -np.inf
    found = discrimination(normal, foreign)
    truth, scores = np.repeat([1, 0], [80, 50]), np.append(normal, foreign)
    scores[80] = -1e300
    assert found.auroc == pytest.approx(roc_auc_score(truth, scores))
    assert found.aupr == pytest.approx(average_precision_score(1 - truth, -scores))
    fpr, tpr, _ = roc_curve(truth, scores, drop_intermediate=False)
    assert found.fpr95 == fpr[tpr >= 0.95].min()


def test_refusals():
    with pytest.raises(DataError, match="anomalies have 1 scores"):
        discrimination(np.arange(3.0), np.zeros(1))
    with pytest.raises(DataError, match="normal data have 2 scores, of which 1 are NaN"):
        discrimination(np.array([1.0, np.nan]), np.zeros(3))
