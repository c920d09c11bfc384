"""Adam's step of all parameters in one call is torch's own, parameter by parameter."""

import pytest
import torch
from torch.optim import SGD, Adam

from pyrovae.train.optim.functional import Group, start_state
from pyrovae.train.optim.together import adam_together, steps_together

from .test_functional import OPTIMIZERS, gradients, leaves

ADAMS = [name for name in OPTIMIZERS if name not in ("SGD", "momentum", "nesterov")]


def taking(optimizer, parameters, grads, lr=0.1, taken=None):
    (group,) = optimizer.param_groups
    states = [optimizer.state[leaf] for leaf in parameters]
    with torch.no_grad():
        rate = torch.tensor(lr, dtype=torch.float64)
        adam_together(Group(parameters, grads, states, group, rate), taken)


@pytest.mark.parametrize("taken", [None, torch.tensor(True)], ids=["always", "if taken"])
@pytest.mark.parametrize("name", ADAMS)
def test_the_steps_are_those_of_torch(name, taken):
    theirs, ours = leaves(), leaves()
    reference, optimizer = OPTIMIZERS[name](theirs), OPTIMIZERS[name](ours)
    start_state(optimizer, ours)
    for step in range(5):
        rate = 0.1 / (step + 1)
        reference.param_groups[0]["lr"] = rate
        for leaf, grad in zip(theirs, gradients(step), strict=True):
            leaf.grad = grad
        reference.step()
        taking(optimizer, ours, gradients(step), rate, taken)
        for one, other in zip(theirs, ours, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)
            for key, value in reference.state[one].items():
                torch.testing.assert_close(value, optimizer.state[other][key])


def test_a_step_that_is_not_taken_changes_nothing():
    ours = leaves()
    optimizer = Adam(ours, lr=0.1, amsgrad=True)
    start_state(optimizer, ours)
    taking(optimizer, ours, gradients(0))
    tensors = [*ours, *(t for state in optimizer.state.values() for t in state.values())]
    before = [tensor.detach().clone() for tensor in tensors]
    nan = [torch.full_like(grad, torch.nan) for grad in gradients(1)]
    taking(optimizer, ours, nan, taken=torch.tensor(False))
    assert all(torch.equal(a, b) for a, b in zip(before, tensors, strict=True))


def test_a_gradient_may_have_other_strides():
    one, other = (torch.ones(3, 2, dtype=torch.float64).requires_grad_() for _ in range(2))
    grad = torch.arange(6.0, dtype=torch.float64).reshape(2, 3).t()
    for leaf, given in ((one, grad), (other, grad.contiguous())):
        optimizer = Adam([leaf], lr=0.1)
        start_state(optimizer, [leaf])
        taking(optimizer, [leaf], [given])
    assert torch.equal(one, other)


def test_others_are_stepped_one_by_one():
    many = [torch.zeros(3, 2) for _ in range(16)]
    transposed = torch.zeros(2, 3).t()
    assert steps_together(Adam(many).param_groups, Adam(many))
    for optimizer in (
        SGD(many), Adam(many[1:]), Adam([*many, transposed]), Adam([*many, many[0].double()]),
        Adam([leaf.bfloat16() for leaf in many]), Adam([leaf.to("meta") for leaf in many]),
    ):  # fmt: skip
        assert not steps_together(optimizer.param_groups, optimizer)
    optimizer = Adam(many)
    optimizer.state[many[0]]["exp_avg"] = transposed
    assert not steps_together(optimizer.param_groups, optimizer)
