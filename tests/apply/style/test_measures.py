"""Shares of trials that depend on each other, and the cells of the grid."""

import math

import torch

from pyrovae.apply.style.measures import Share, which


def test_a_share_of_independent_trials_has_the_binomial_error():
    hits = torch.arange(1000)[:, None] % 4 == 0
    found = Share.of(hits, torch.ones(1000, 1) > 0)
    assert found.value == 0.25
    assert math.isclose(found.error, (0.25 * 0.75 / 999) ** 0.5)


def test_trials_of_one_datum_that_agree_count_once():
    hits = (torch.arange(1000)[:, None] % 4 == 0).expand(-1, 10)
    once, often = (Share.of(h, torch.ones_like(h)) for h in (hits[:, :1], hits))
    assert often.value == once.value and math.isclose(often.error, once.error)


def test_only_what_is_counted_counts():
    hits = torch.tensor([[True, True], [False, True]])
    counted = torch.tensor([[True, False], [True, True]])
    assert Share.of(hits, counted).value == 2 / 3
    assert Share.of(hits, counted & False) is None
    assert math.isnan(Share.of(hits[:1], counted[:1]).error)


def test_a_label_that_is_not_known_is_new_everywhere():
    cells = which(torch.tensor([1, -1]), 3)
    assert cells["own"].tolist() == [[False, True, False], [False] * 3]
    assert torch.equal(cells["new"], ~cells["own"])
