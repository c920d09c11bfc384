"""Relative differences: of each number, and of all larger tensors together."""

import pytest
import torch

from pyrovae.capture import deviation, rounding


def test_each_number_counts_by_itself_and_larger_tensors_together():
    large, small = torch.full((4,), 100.0), torch.tensor(1e-3)
    assert deviation([large, small], [large, small]) == 0
    assert deviation([large, 2 * small], [large, small]) == pytest.approx(1.0)
    assert deviation([large, torch.zeros(2)], [large, torch.ones(2)]) < 0.01
    assert deviation([torch.ones(2)], [torch.zeros(2)]) == float("inf")


def test_rounding_is_that_of_the_shortest_type():
    wide, narrow = torch.zeros(1, dtype=torch.float64), torch.zeros(1)
    assert rounding([wide]) < rounding([wide, narrow]) == rounding([narrow])
    assert rounding([torch.zeros(1, dtype=torch.int64)]) == 0
