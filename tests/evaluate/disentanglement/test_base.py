"""Tables are checked, rows agree in the factor that is asked for, gaps are of the two largest."""

import numpy as np
import pytest
import torch

from pyrovae.errors import ConfigError, DataError
from pyrovae.evaluate import beta_vae_metric, dci, factor_vae_metric, mig, sap
from pyrovae.evaluate.disentanglement.base import Rows, gaps_of, standardised, varies

from .representations import FACTORS, noise

METRICS = [mig, dci, sap, factor_vae_metric, beta_vae_metric]


def test_gaps():
    gaps = gaps_of(np.array([[0.1, 0.9], [0.5, 0.7], [0.2, 0.8]]))
    assert gaps.per_factor.tolist() == pytest.approx([0.3, 0.1]) and gaps.best.tolist() == [1, 0]
    assert gaps.score == pytest.approx(0.2)
    assert gaps_of(np.array([[0.25, 0.75]])).score == 0.5


def test_standardised_codes():
    codes = np.stack([np.arange(5.0), np.full(5, 0.1), 1e6 + 1e-3 * np.arange(5)], 1)
    assert varies(codes).tolist() == [True, False, True]
    scaled = standardised(codes)
    np.testing.assert_allclose(scaled.std(0), [1, 0, 1], rtol=1e-6)
    np.testing.assert_allclose(scaled.mean(0), 0, atol=1e-6)
    assert not scaled[:, 1].any()


@pytest.mark.parametrize("unequal", [False, True])
def test_rows_agree_in_the_factor_that_is_asked_for(unequal):
    table = FACTORS.numpy()
    if unequal:  # a table that is no grid
        table = np.concatenate([table[:500], table[::7], table[:20, ::-1] % 3])
    rows = Rows(table, 300, 200, 8, seed=0)
    asked, judged = rows.parts
    assert len(asked) == 300 and len(judged) == 200 and set(asked) == set(range(5))
    assert sum(len(some) for some in rows.chunks(asked)) == 300
    alike = table[rows.alike(asked)]  # [V, n, F]
    first, second = (table[pair] for pair in rows.pairs(asked))
    for vote, factor in enumerate(asked):
        assert np.ptp(alike[vote, :, factor]) == 0
        assert (first[vote, :, factor] == second[vote, :, factor]).all()
    free = (np.arange(5) + 1)[None] != asked[:, None] + 1
    assert np.ptp(alike, axis=1)[free].mean() > 1, "the other factors vary"
    assert np.ptp(first, axis=1).min(0).max() > 0, "pairs share no value with other pairs"


def test_draws_are_uniform():
    rows = Rows(FACTORS.numpy(), 20_000, 1, 2, seed=0)
    asked = np.full(20_000, 3)
    for drawn in (rows.alike(asked)[:, 0], rows.pairs(asked)[1][:, 0]):
        for column, size in zip(FACTORS.numpy()[drawn].T, (3, 4, 6, 12, 12), strict=True):
            counts, expected = np.bincount(column), 20_000 / size
            deviation = (counts - expected) / np.sqrt(expected * (1 - 1 / size))
            assert np.abs(deviation).max() < 4.5


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(
    ("codes", "factors", "message"),
    [
        (torch.zeros(4, 2), torch.zeros(5, 2).long(), r"got codes \[4, 2\] and factors \[5, 2\]"),
        (torch.zeros(4), torch.zeros(4, 1).long(), "needs codes"),
        (torch.zeros(4, 2), torch.zeros(4).long(), "needs codes"),
        (torch.zeros(0, 2), torch.zeros(0, 2).long(), "needs codes"),
        (torch.zeros(4, 2), torch.zeros(4, 2), "factors torch.float32; needs real codes"),
        (torch.full((4, 2), float("nan")), torch.arange(4)[:, None], "NaN or infinite"),
        (torch.zeros(4, 2), torch.tensor([[0, 3]] * 3 + [[1, 3]]), "factor 1 has one value"),
    ],
)  # fmt: skip
def test_what_is_no_table_is_refused(metric, codes, factors, message):
    with pytest.raises(DataError, match=message):
        metric(codes, factors)


def test_arrays_are_tables_and_a_pair_is_none():
    found = mig(FACTORS.double().numpy(), FACTORS.numpy())
    assert found.score == mig(FACTORS.double(), FACTORS).score
    with pytest.raises(DataError, match="Linear for codes; .* posterior_means"):
        mig(torch.nn.Linear(2, 2), FACTORS)


@pytest.mark.parametrize("options", [{"num_votes": 0}, {"num_test_votes": 0}, {"batch_size": 1}])
@pytest.mark.parametrize("metric", [factor_vae_metric, beta_vae_metric])
def test_votes_need_numbers(metric, options):
    with pytest.raises(ConfigError, match="needs 1, 1 and 2 or more"):
        metric(FACTORS.float(), FACTORS, **options)


@pytest.mark.parametrize("metric", [dci, sap])
def test_rows_are_kept_to_judge(metric):
    with pytest.raises(DataError, match="leaves 4 to fit on and 0 to judge by"):
        metric(torch.rand(4, 2), torch.arange(4)[:, None], test_share=0.0)


@pytest.mark.parametrize("metric", METRICS)
def test_values_of_factors_are_names_alone(metric):
    """Neither their order of columns nor what their values are called matters."""
    options = {} if metric in (mig, dci, sap) else {"num_votes": 200, "num_test_votes": 100}
    factors = FACTORS[::3]
    codes = factors.flip(1) + 0.1 * noise(1)[::3]
    first, second = (metric(codes, f, **options) for f in (factors, 10 * factors - 3))
    if isinstance(first, float):
        assert first == second
    elif metric is dci:
        assert torch.equal(first.importance, second.importance)
    else:
        assert torch.equal(first.matrix, second.matrix)
