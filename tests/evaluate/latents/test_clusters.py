"""Cluster accuracy by hand and against every assignment."""

from itertools import permutations

import pytest
import torch

from pyrovae.errors import ShapeError
from pyrovae.evaluate import cluster_accuracy


def test_names_do_not_matter():
    y = torch.arange(30) % 5
    assert cluster_accuracy((y + 2) % 5, y) == 1.0
    assert cluster_accuracy(torch.zeros(30, dtype=torch.long), y) == 0.2


def test_is_the_best_of_all_assignments():
    torch.manual_seed(0)
    clusters, y = torch.randint(0, 4, (2, 60))
    every = [
        (torch.tensor(p)[clusters] == y).double().mean().item() for p in permutations(range(4))
    ]
    assert cluster_accuracy(clusters, y) == pytest.approx(max(every))


def test_what_is_left_over_counts_as_wrong():
    clusters = torch.tensor([0, 1, 2, 3])
    assert cluster_accuracy(clusters, torch.tensor([0, 0, 1, 1])) == 0.5


@pytest.mark.parametrize("shape", [(3,), (4, 1), (0,)])
def test_shapes(shape):
    with pytest.raises(ShapeError, match="one of each"):
        cluster_accuracy(torch.zeros(shape).long(), torch.zeros(4 if shape != (0,) else 0).long())
