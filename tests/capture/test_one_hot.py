"""One-hot vectors of classes that a graph is given."""

import pytest
import torch
from torch.nn.functional import one_hot

from pyrovae.errors import CaptureWarning
from tests.capture.test_captured import captured


def test_classes_are_inputs():
    it = captured(lambda y: (one_hot(y, 4).float(), one_hot(y[:, None], num_classes=5)))
    batches = torch.tensor([[0, 3, 1], [2, 2, 0], [1, 0, 3], [3, 3, 3]])
    assert it("key", batches[0]) is None  # traced
    for y in batches[1:]:
        found = it("key", y)
        assert torch.equal(found[0], one_hot(y, 4).float())
        assert torch.equal(found[1], one_hot(y[:, None], num_classes=5))


def test_a_class_that_does_not_fit_is_refused():
    it = captured(lambda y: (one_hot(y, 4),))
    for y in torch.tensor([[0, 3, 1], [2, 2, 0]]):
        it("key", y)
    with pytest.raises(RuntimeError, match="out of bounds"):
        it("key", torch.tensor([0, 4, 1]))


def test_without_a_number_of_classes_there_is_no_graph():
    it = captured(lambda y: (one_hot(y),))
    with pytest.warns(CaptureWarning, match="reads the value of a tensor"):
        for _ in range(3):
            it("key", torch.tensor([0, 3, 1]))
    assert it.refusal
