"""Leaves as one vector, and its draws."""

import pytest
import torch

from pyrovae.evaluate.gradients.draws import Estimator, Leaves


@pytest.fixture
def leaves():
    a, b = torch.zeros(2, 2, requires_grad=True), torch.ones(3, requires_grad=True)
    return a, b, Leaves([a, b])


def test_one_vector_and_back(leaves):
    _, _, flat = leaves
    assert flat.size == 7
    whole = torch.arange(14.0).reshape(2, 7)
    a, b = flat.split(whole)
    assert a.shape == (2, 2, 2) and b.shape == (2, 3)
    assert a[1].tolist() == [[7, 8], [9, 10]] and b[0].tolist() == [4, 5, 6]


def test_draws_are_seeded_afresh_and_leave_no_gradient(leaves):
    a, b, flat = leaves
    a.grad = mark = torch.full_like(a, 9.0)

    def sample():
        (a * torch.rand(2, 2)).sum().backward()  # b gets none

    def loss():
        raise AssertionError("few draws are drawn as they are")

    estimator = Estimator(sample, loss)
    first = [chunk.values[0] for chunk in flat.draws(estimator, 3, 1, False)]
    again = list(flat.draws(estimator, 3, 1, False))
    for one, other in zip(first, again, strict=True):
        assert torch.equal(one, other.values[0])
        assert one[:4].all() and not one[4:].any()
        assert other.milliseconds > 0 and other.num_draws == 1
    assert not torch.equal(first[0], first[1])
    assert a.grad is mark and torch.equal(mark, torch.full_like(a, 9.0)) and b.grad is None


def test_gradients_come_back_after_a_failure(leaves):
    a, _, flat = leaves
    a.grad = mark = torch.ones_like(a)
    with pytest.raises(RuntimeError, match="broken"), flat.kept_grads():
        a.grad = None
        raise RuntimeError("broken")
    assert a.grad is mark
