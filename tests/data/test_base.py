"""Splits: what they refuse, how they are cut, drawn and moved."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pyrovae.data.base import Dataset, Split, mix_seed, partition
from pyrovae.errors import ConfigError, DataError


def test_a_split_knows_its_size_and_shape_and_can_be_cut():
    x, y = torch.arange(24.0).reshape(4, 2, 3), torch.arange(4)
    split = Split(x, y)
    assert len(split) == 4 and split.shape == (2, 3)
    assert torch.equal(split.subset(3).x, x[:3]) and torch.equal(split.subset(3).y, y[:3])
    assert len(split.subset(99)) == 4 and len(split.subset(0)) == 0
    assert torch.equal(split[1:3].y, y[1:3])
    assert torch.equal(split[torch.tensor([3, 0])].y, torch.tensor([3, 0]))
    assert split.to("cpu").labelled().with_labels and not split.with_labels
    assert repr(split) == "Split(4 x [2, 3] float32, labels int64)"


def test_cutting_keeps_what_the_split_is():
    split = Split(torch.full((4, 2), 0.5), torch.arange(4), dynamic=True).labelled()
    assert split[:2].dynamic and split[:2].with_labels


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_non_finite_rows_are_counted_and_the_first_is_named(bad):
    x = torch.zeros(10, 2, 2)
    x[7, 0, 1] = x[3, 1, 1] = x[3, 0, 0] = bad
    with pytest.raises(DataError, match=r"2 of 10 rows of x .* the first is row 3"):
        Split(x)
    y = torch.zeros(4)
    y[2] = bad
    with pytest.raises(DataError, match=r"1 of 4 rows of y .* row 2"):
        Split(torch.zeros(4), y)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Split(np.zeros((3, 2))), "x is ndarray"),
        (lambda: Split(torch.tensor(1.0)), "x is a scalar tensor"),
        (lambda: Split(torch.zeros(3, 2), torch.zeros(2)), "y has 2 rows, x has 3"),
        (lambda: Split(torch.zeros(3)).labelled(), "y is None"),
        (lambda: Split(torch.full((3,), 1.5), dynamic=True), r"probabilities in \[0, 1\]"),
        (lambda: Split(torch.full((3,), -0.5)).binarized(0), r"in \[-0.5, -0.5\]"),
        (lambda: Split(torch.zeros(3, dtype=torch.int64), dynamic=True), "torch.int64"),
        (lambda: Split(torch.zeros(3))[0], r"split\.x\[i\]"),
        (lambda: Split(torch.zeros(3)).subset(-1), "n=-1"),
        (
            lambda: Dataset("d", *(Split(torch.zeros(2, n)) for n in (3, 3, 4))),
            r"\[\[3\], \[3\], \[4\]\]",
        ),
    ],
)
def test_refusals_say_what_came_and_what_to_do(make, message):
    with pytest.raises(DataError, match=message):
        make()


def test_one_fixed_draw_is_binary_seeded_and_has_the_right_mean():
    p = torch.tensor([0.0, 0.2, 0.7, 1.0]).expand(20_000, 4)
    split = Split(p, torch.arange(20_000), dynamic=True)
    drawn = split.binarized(3)
    assert not drawn.dynamic and drawn.y is split.y and drawn.x.dtype == p.dtype
    assert set(drawn.x.unique().tolist()) == {0.0, 1.0}
    deviation = (drawn.x.mean(0) - p[0]).abs()
    assert (deviation <= 4 * (p[0] * (1 - p[0]) / len(p)).sqrt()).all()  # z-score below 4
    assert torch.equal(drawn.x, split.binarized(3).x)
    assert not torch.equal(drawn.x, split.binarized(4).x)


def three_halves(n=200):
    return Dataset("d", *(Split(torch.full((n, 5), 0.5)) for _ in range(3)), {"levels": 2})


def test_dynamic_draws_val_and_test_once_and_leaves_train_to_every_pass():
    data = three_halves().binarized("dynamic", 5)
    assert data.train.dynamic and (data.train.x == 0.5).all()
    for split in (data.val, data.test):
        assert not split.dynamic and set(split.x.unique().tolist()) == {0.0, 1.0}
    assert not torch.equal(data.val.x, data.test.x)
    assert data.info == {"levels": 2, "binarize": "dynamic", "binarize_seed": 5, "unit": True}
    assert torch.equal(data.test.x, three_halves().binarized("static", 5).test.x)


def test_static_draws_all_and_differently():
    data = three_halves().binarized("static", 5)
    draws = [split.x for split in (data.train, data.val, data.test)]
    assert not data.train.dynamic and data.info["binarize"] == "static"
    assert all(not torch.equal(draws[i], draws[j]) for i, j in ((0, 1), (0, 2), (1, 2)))


def test_an_unknown_binarisation_is_refused():
    with pytest.raises(ConfigError, match='binarize=\'always\' .* "dynamic", "static" or None'):
        three_halves().binarized("always")


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 60), st.integers(0, 30), st.integers(0, 30), st.integers(-(2**40), 2**40))
def test_a_partition_is_disjoint_covering_and_seeded(n, val, test, seed):
    if val + test >= n:
        with pytest.raises(DataError, match="must leave rows for train"):
            partition("d", n, (val, test), seed)
        return
    parts = partition("d", n, (val, test), seed)
    assert [len(p) for p in parts] == [n - val - test, val, test]
    assert sorted(torch.cat(parts).tolist()) == list(range(n))
    again = partition("d", n, (val, test), seed)
    assert all(torch.equal(a, b) for a, b in zip(parts, again, strict=True))


def test_another_seed_gives_another_partition():
    one, two = (partition("d", 100, (10, 10), seed)[1] for seed in (0, 1))
    assert not torch.equal(one, two)


def test_mixed_seeds_do_not_collide_nearby_and_look_uniform():
    places = [(s, e, i) for s in range(-2, 20) for e in range(20) for i in range(20)]
    seeds = [mix_seed(*place) for place in places]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**63 for seed in seeds)
    # The CPU generator keeps the low 32 bits only: each of them must be a fair coin.
    bits = np.array([[seed >> b & 1 for b in range(63)] for seed in seeds])
    z = (bits.mean(0) - 0.5) / (0.5 / np.sqrt(len(seeds)))
    assert np.abs(z).max() < 5


def test_the_mix_is_the_published_finaliser():
    # First output of SplitMix64 seeded with 0 is 0xE220A8397B1DCDAF; the top 63 bits are kept.
    assert mix_seed(0) == 0xE220A8397B1DCDAF >> 1
