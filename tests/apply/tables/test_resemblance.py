"""Made rows beside real ones: alike, different, copied; and each measure against known values."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.stats.contingency import association
from sklearn.metrics import roc_auc_score

from pyrovae.apply import resemblance
from pyrovae.apply.tables import classifier
from pyrovae.apply.tables.associations import associations, correlation_ratio
from pyrovae.apply.tables.classifier import two_sample
from pyrovae.apply.tables.copies import closest_distances
from pyrovae.apply.tables.marginals import marginal_distances
from pyrovae.apply.tables.rows import Rows
from pyrovae.data import TableColumns
from pyrovae.errors import DataError
from tests.result_contract import check_result


def draw(n, seed, *, together=True, shift=0.0, holes=0.1):
    """A table of all kinds; without `together` its columns are independent."""
    rng = np.random.default_rng(seed)
    z, levels = [rng.normal(size=n) for _ in range(6)], [*"abcd"]
    if together:
        z = [z[0]] * 6
    frame = pd.DataFrame({
        "t": z[0] + shift + 0.3 * rng.normal(size=n),
        "income": np.exp(2 + 0.5 * z[1] + 0.2 * rng.normal(size=n)),
        "kids": rng.poisson(np.exp(0.5 + 0.4 * z[2])),
        "grade": pd.Categorical(np.array(levels)[np.digitize(z[3], [-1, 0, 1])], levels, True),
        "smokes": z[4] + rng.normal(size=n) > 0.5,
        "colour": np.array([*"rgb"])[np.digitize(z[5] + rng.normal(size=n), [-1, 1])],
    })  # fmt: skip
    return frame.mask(rng.random(frame.shape) < holes)


TRAIN, HELD_OUT = draw(400, 0), draw(300, 1)
COLUMNS = TableColumns.of(TRAIN)


def compared(made):
    return resemblance(TRAIN, made, held_out=HELD_OUT, columns=COLUMNS)


@pytest.mark.parametrize("holes", [0.1, 0.0])
def test_rows_of_the_same_kind(holes):
    """Complete rows are not told by being complete."""
    found = compared(draw(300, 2, holes=holes))
    assert abs(found.auc - 0.5) < 4 * found.told.spread and found.told.p > 1e-3
    assert not found.copies.found and 0.4 < found.copies.closer < 0.6
    assert found.marginals.max() < 0.15 and found.pair_difference < 0.08
    check_result(found)


def test_columns_that_are_independent_differ_in_pairs_alone():
    found = compared(draw(300, 2, together=False))
    assert found.auc > 0.75 and found.told.p < 1e-6
    assert found.marginals.max() < 0.15
    assert found.pair_difference > 5 * found.pair_difference_real
    assert "the association of t and" in str(found) and not found.copies.found


def test_another_marginal():
    found = compared(draw(300, 2, shift=3.0))
    assert found.auc > 0.9 and found.marginals.argmax() == 0 and found.marginals[0] > 0.6
    assert str(found).splitlines()[-6].startswith("t ")  # the largest distance comes first


@pytest.mark.parametrize("share", [1.0, 0.1])
def test_copies_are_found(share):
    n = int(300 * share)
    made = pd.concat([TRAIN[:n], draw(300 - n, 2)], ignore_index=True)
    found = compared(made)
    assert found.copies.found and "made rows copy training rows" in str(found)
    assert found.copies.copied >= 0.99 * share > found.copies.held_out_copied


def test_nearly_copies_are_found():
    made = TRAIN[:300].copy()
    for name in ("t", "income"):
        made[name] *= 1 + 1e-3 * np.random.default_rng(0).normal(size=300)
    found = compared(made)
    assert found.copies.copied < 0.2 and found.copies.closer > 0.8 and found.copies.found


def test_no_copies_are_found_among_few_categories():
    """Rows of two categories are equal by chance, held-out ones as well."""
    pick = lambda seed, n: pd.DataFrame(  # noqa: E731
        {c: np.random.default_rng([seed, i]).choice(["x", "y"], n) for i, c in enumerate("abc")}
    )
    found = resemblance(pick(0, 300), pick(1, 200), held_out=pick(2, 200))
    assert found.copies.copied == found.copies.held_out_copied == 1.0 and not found.copies.found


def test_the_auc_is_sklearns_and_its_null_is_known():
    z = []
    for seed in range(10):
        rows = Rows.of(COLUMNS, draw(160, 100 + seed))
        one, other = rows.take(slice(0, 80)), rows.take(slice(80, 160))
        found = two_sample(one, other, seed=seed)
        z.append((found.auc - 0.5) / found.spread)
    z = np.array(z)
    assert abs(z.mean()) < 4 / np.sqrt(10) and 0.3 < z.std() < 1.5
    score = np.random.default_rng(0).normal(size=40).round(1)
    label = np.repeat([0, 1], 20)
    ranks = stats.rankdata(score)
    assert (ranks[20:].sum() - 20 * 21 / 2) / 400 == pytest.approx(roc_auc_score(label, score))


class MeanDifference:
    """A classifier whose scores of two halves go together as closely as can be."""

    def fit(self, x, y):
        self.normal = x[y == 1].mean(0) - x[y == 0].mean(0)

    def decision_function(self, x):
        return x @ self.normal


def test_p_holds_where_the_scores_of_the_halves_depend_on_each_other(monkeypatch):
    monkeypatch.setattr(classifier, "_trees", lambda *_: MeanDifference())
    columns = TableColumns.of({"a": [-0.5, 0.25], "b": [-0.5, 0.25]})
    random, found = np.random.default_rng(0), []
    for seed in range(400):
        one, other = (Rows(columns, v, v) for v in random.normal(size=(2, 60, 2)))
        found.append(two_sample(one, other, seed=seed))
    z = np.array([(each.auc - 0.5) / each.spread for each in found])
    assert abs(z.std() - 1) < 4 / np.sqrt(800)  # of one half: the other adds nothing here
    low = np.mean([each.p < 0.05 for each in found])
    assert low < 0.05 + 4 * np.sqrt(0.05 * 0.95 / 400)


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_categories_that_no_real_row_has_are_no_gaps(share):
    """Were they taken as missing, the distance would be that of the others, or none at all."""
    made = draw(300, 2, holes=0.0)
    made.loc[: int(300 * share) - 1, "colour"] = "violet"
    found = compared(made)
    place = found.names.index("colour")
    assert found.marginals[place] == pytest.approx(share, abs=0.1)
    assert found.auc > 0.7 and found.told.p < 1e-6
    assert Rows.of(COLUMNS, made).values[0, place] == len(COLUMNS[place].values)


def test_a_column_without_values_in_one_set():
    held_out = HELD_OUT.assign(t=np.nan)
    found = resemblance(TRAIN, draw(300, 2), held_out=held_out, columns=COLUMNS)
    place = found.names.index("t")
    assert np.isnan(found.marginals_real[place]) and np.isfinite(found.marginals).all()
    assert "nan" in str(found)


def test_marginal_distances():
    one, other = Rows.of(COLUMNS, TRAIN), Rows.of(COLUMNS, draw(300, 5, shift=0.5))
    found = marginal_distances(one, other)
    for place in (0, 1, 2):
        a, b = (side.values[:, place] for side in (one, other))
        known = stats.ks_2samp(a[~np.isnan(a)], b[~np.isnan(b)]).statistic
        assert found[place] == pytest.approx(known)
    a = TRAIN["colour"].value_counts(normalize=True)
    b = draw(300, 5, shift=0.5)["colour"].value_counts(normalize=True)
    assert found[5] == pytest.approx((a - b).abs().sum() / 2)


def test_associations():
    found = associations(Rows.of(COLUMNS, TRAIN))
    both = TRAIN[["t", "income"]].dropna()
    assert found[0, 1] == pytest.approx(np.corrcoef(both["t"], np.log(both["income"]))[0, 1])
    table = pd.crosstab(TRAIN["smokes"], TRAIN["colour"]).to_numpy()
    assert found[4, 5] == pytest.approx(association(table, method="cramer"))
    both = TRAIN[["t", "colour"]].dropna()
    groups = [part["t"].to_numpy() for _, part in both.groupby("colour")]
    f = stats.f_oneway(*groups).statistic
    within, between = len(both) - len(groups), len(groups) - 1
    assert found[0, 5] ** 2 == pytest.approx(f * between / (f * between + within))
    assert np.array_equal(found, found.T) and (found.diagonal() == 1).all()
    assert np.isnan(correlation_ratio(np.array([0, 1]), np.array([2.0, 2.0])))


def test_closest_distances_by_hand():
    train = {"t": [0.0, 4.0, 10.0], "c": ["x", "y", "z"]}
    columns = TableColumns.of(train, kinds={"t": "real"})
    rows = Rows.of(columns, {"t": [1.0, None, 4.0], "c": ["y", "x", "y"]})
    found = closest_distances(rows, Rows.of(columns, train))
    np.testing.assert_allclose(found, [(0.3 + 0) / 2, np.inf, 0.0])


def test_errors():
    with pytest.raises(DataError, match="made has 30 rows; give at least 40"):
        compared(TRAIN[:30])
    with pytest.raises(DataError, match="\\['t'\\] of the training are not there"):
        compared(TRAIN.drop(columns="t"))
