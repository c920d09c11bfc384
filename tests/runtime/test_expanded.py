"""Writing into expanded tensors."""

import pytest
import torch

from pyrovae.runtime.expanded import write


@pytest.mark.parametrize("make", [
    lambda: torch.zeros(3, 4),
    lambda: torch.zeros(1).expand(5),
    lambda: torch.zeros(3, 1, 2).expand(3, 4, 2),
    lambda: torch.zeros(2, 3).T,
    lambda: torch.zeros(()),
    lambda: torch.zeros(()).expand(2, 3),
])  # fmt: skip
def test_the_value_is_there_afterwards(make):
    target = make()
    value = torch.full_like(target, 2.0)
    if target.is_contiguous() or 0 not in target.stride():
        value = torch.arange(target.numel(), dtype=torch.float32).reshape(target.shape)
    write(target, value)
    assert torch.equal(target, value)


def test_axes_that_are_not_expanded_keep_their_own_values():
    target = torch.zeros(3, 1).expand(3, 4)
    value = torch.tensor([1.0, 2.0, 3.0])[:, None].expand(3, 4).contiguous()
    write(target, value)
    assert torch.equal(target, value)
