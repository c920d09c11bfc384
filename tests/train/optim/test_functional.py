"""The optimisers' steps in tensors are those of torch."""

import pytest
import torch
from torch.optim import SGD, Adam, AdamW

from pyrovae.train.optim.functional import Group, start_state, update_of


def leaves():
    generator = torch.Generator().manual_seed(0)
    shapes = [(3, 2), (4,), ()]
    return [
        torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_()
        for shape in shapes
    ]


def gradients(step):
    generator = torch.Generator().manual_seed(step + 1)
    return [torch.randn(leaf.shape, generator=generator).to(leaf.dtype) for leaf in leaves()]


OPTIMIZERS = {
    "Adam": lambda p: Adam(p, lr=0.1),
    "betas, eps": lambda p: Adam(p, lr=0.1, betas=(0.8, 0.95), eps=1e-2),
    "no momentum": lambda p: Adam(p, lr=0.1, betas=(0.0, 0.95)),
    "weight decay": lambda p: Adam(p, lr=0.1, weight_decay=0.3),
    "amsgrad": lambda p: Adam(p, lr=0.1, amsgrad=True),
    "maximize": lambda p: Adam(p, lr=0.1, maximize=True),
    "AdamW": lambda p: AdamW(p, lr=0.1, weight_decay=0.2),
    "AdamW, amsgrad": lambda p: AdamW(p, lr=0.1, weight_decay=0.2, amsgrad=True, maximize=True),
    "fused": lambda p: Adam(p, lr=0.1, fused=True),
    "SGD": lambda p: SGD(p, lr=0.1),
    "momentum": lambda p: SGD(p, lr=0.1, momentum=0.9, weight_decay=0.1),
    "nesterov": lambda p: SGD(p, lr=0.1, momentum=0.9, nesterov=True, maximize=True),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_steps_are_those_of_torch(name):
    theirs, ours = leaves(), leaves()
    reference, optimizer = OPTIMIZERS[name](theirs), OPTIMIZERS[name](ours)
    (group,) = optimizer.param_groups
    update = update_of(optimizer.param_groups, optimizer)
    start_state(optimizer, ours)
    for one, other in zip(theirs, ours, strict=True):
        assert torch.equal(one, other)  # starting moves nothing
    for step in range(5):
        rate = 0.1 / (step + 1)
        reference.param_groups[0]["lr"] = rate
        for leaf, grad in zip(theirs, gradients(step), strict=True):
            leaf.grad = grad
        reference.step()
        with torch.no_grad():
            states = [optimizer.state[leaf] for leaf in ours]
            lr = torch.tensor(rate, dtype=torch.float64)
            moved = update(Group(ours, gradients(step), states, group, lr))
            for leaf, state, new in zip(ours, states, moved, strict=True):
                for key, value in new.items():
                    (leaf if key == "parameter" else state[key]).copy_(value)
        for one, other in zip(theirs, ours, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)
            for key, value in reference.state[one].items():
                torch.testing.assert_close(value, optimizer.state[other][key])


def test_states_that_are_there_stay():
    first, second = leaves()[:2]
    optimizer = Adam([first, second], lr=0.1)
    first.grad = torch.ones_like(first)
    optimizer.step()
    before = {key: value.clone() for key, value in optimizer.state[first].items()}
    value = first.detach().clone()
    start_state(optimizer, [first, second])
    assert torch.equal(first, value) and first.grad is not None
    assert all(torch.equal(optimizer.state[first][key], before[key]) for key in before)
    assert float(optimizer.state[second]["step"]) == 0


def test_others_are_not_known():
    (leaf,) = leaves()[:1]
    for optimizer in (torch.optim.RMSprop([leaf]), SGD([leaf], 0.1, momentum=0.9, dampening=0.5)):
        assert update_of(optimizer.param_groups, optimizer) is None
