"""The choice of the labelled data."""

import torch

from pyrovae.apply.representation.chosen import choices

Y = torch.arange(1000) % 10


def test_classes_are_in_proportion():
    rows = choices(Y, 50, 3, seed=0)
    assert rows.shape == (3, 50)
    for chosen in rows:
        assert len(chosen.unique()) == 50
        assert Y[chosen].bincount().tolist() == [5] * 10
    unequal = torch.cat([torch.zeros(900), torch.ones(100)]).long()
    assert unequal[choices(unequal, 100, 1, seed=0)[0]].bincount().tolist() == [90, 10]


def test_a_rare_class_has_a_row():
    rare = torch.cat([torch.zeros(900), torch.ones(1), torch.full((99,), 2.0)]).long()
    for chosen in choices(rare, 20, 3, seed=0):
        assert rare[chosen].bincount().tolist() == [17, 1, 2]


def test_choices_differ_and_repeat_with_the_seed():
    one, other = choices(Y, 20, 2, seed=0)
    assert set(one.tolist()) != set(other.tolist())
    assert torch.equal(choices(Y, 20, 2, seed=0)[1], other)
    assert not torch.equal(choices(Y, 20, 2, seed=1)[1], other)


def test_all_rows_and_values():
    assert sorted(choices(Y, 1000, 1, seed=0)[0].tolist()) == list(range(1000))
    values = torch.randn(30)
    assert len(choices(values, 30, 1, seed=0)[0].unique()) == 30
