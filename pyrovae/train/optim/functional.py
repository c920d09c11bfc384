"""The steps of torch's optimisers as plain tensor operations, on their own states in place."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.optim import SGD, Adam, AdamW, Optimizer


class Group(NamedTuple):
    """A parameter group: its tensors, their gradients and states, its options and its rate."""

    parameters: Sequence[Tensor]
    grads: Sequence[Tensor]
    states: Sequence[dict[str, Any]]
    options: Mapping[str, Any]
    lr: Tensor


Update = Callable[[Group], list[dict[str, Tensor]]]
"""New values of each parameter's state, by name; "parameter" is its own new value."""


def update_of(groups: Sequence[Mapping[str, Any]], optimizer: Optimizer | None) -> Update | None:
    """The step of an optimiser as a function; None where this file has none for it."""
    if any("base_momentum" in group for group in groups):
        return None  # a scheduler changes the momentum too, which a graph would hold fast
    if type(optimizer) in (Adam, AdamW):
        return adam
    # With dampening the first step differs from those that follow.
    plain = all(group.get("dampening", 0) == 0 for group in groups)
    return sgd if type(optimizer) is SGD and plain else None


def start_state(optimizer: Optimizer | None, leaves: Sequence[Tensor]) -> None:
    """Make the state of leaves that have none, as before a first step; their values stay.

    All states are moved to the devices of their leaves. torch keeps Adam's counts of steps on the
    CPU, where a CUDA graph cannot read them.
    """
    if not isinstance(optimizer, (Adam, AdamW, SGD)):
        return
    new = [leaf for leaf in leaves if not optimizer.state[leaf]]
    before = [(leaf.detach().clone(), leaf.grad) for leaf in new]
    held = [leaf for group in optimizer.param_groups for leaf in group["params"]]
    others = {leaf: leaf.grad for leaf in held if all(leaf is not other for other in new)}
    for leaf in others:
        leaf.grad = None
    for leaf in new:
        leaf.grad = torch.zeros_like(leaf)
    optimizer.step()
    with torch.no_grad():
        for leaf, (value, grad) in zip(new, before, strict=True):
            leaf.copy_(value)
            leaf.grad = grad
            for name, entry in optimizer.state[leaf].items():
                if isinstance(entry, Tensor):
                    optimizer.state[leaf][name] = torch.zeros_like(entry)
    for leaf, grad in others.items():
        leaf.grad = grad
    for leaf, state in optimizer.state.items():
        for name, entry in state.items():
            if isinstance(entry, Tensor):
                state[name] = entry.to(leaf.device)


def adam(group: Group) -> list[dict[str, Tensor]]:
    """Adam, AdamW and AMSGrad as in `torch.optim.Adam`.

    Source:
        Adam (Kingma and Ba, 2015), algorithm 1, https://arxiv.org/abs/1412.6980; decoupled weight
        decay (Loshchilov and Hutter, 2019), algorithm 2, https://arxiv.org/abs/1711.05101
    """
    parameters, grads, states, options, lr = group
    beta1, beta2 = options["betas"]
    # Computed once for all parameters: otherwise inductor repeats what depends on the step alone
    # in the innermost loop over each of them.
    steps = torch.stack([state["step"] for state in states]) + 1
    precise = steps.to(torch.float64)
    sizes = lr / (1 - _power(beta1, precise))
    roots = (1 - _power(beta2, precise)).sqrt()
    moved = []
    for i, (parameter, grad, state) in enumerate(zip(parameters, grads, states, strict=True)):
        size, root = (scale[i].to(parameter.dtype) for scale in (sizes, roots))
        grad = -grad if options["maximize"] else grad
        decay = options["weight_decay"]
        if decay and options.get("decoupled_weight_decay", False):
            parameter = parameter * (1 - lr * decay).to(parameter.dtype)
        elif decay:
            grad = grad + decay * parameter
        mean = torch.lerp(state["exp_avg"], grad, 1 - beta1)
        square = beta2 * state["exp_avg_sq"] + (1 - beta2) * grad * grad
        new = {"step": steps[i], "exp_avg": mean, "exp_avg_sq": square}
        if options["amsgrad"]:
            square = torch.maximum(state["max_exp_avg_sq"], square)
            new["max_exp_avg_sq"] = square
        new["parameter"] = parameter - size * mean / (square.sqrt() / root + options["eps"])
        moved.append(new)
    return moved


def _power(base: float, exponents: Tensor) -> Tensor:
    """Powers of a number in [0, 1), by exp: inductor computes a shared exp once."""
    return torch.exp(exponents * math.log(base)) if base > 0 else torch.zeros_like(exponents)


def sgd(group: Group) -> list[dict[str, Tensor]]:
    """Stochastic gradient descent as in `torch.optim.SGD`, without dampening."""
    parameters, grads, states, options, lr = group
    momentum, moved = options["momentum"], []
    for parameter, grad, state in zip(parameters, grads, states, strict=True):
        grad = -grad if options["maximize"] else grad
        if options["weight_decay"]:
            grad = grad + options["weight_decay"] * parameter
        new = {}
        if momentum:
            buffer = momentum * state["momentum_buffer"] + grad
            new["momentum_buffer"] = buffer
            grad = grad + momentum * buffer if options["nesterov"] else buffer
        new["parameter"] = parameter - lr.to(parameter.dtype) * grad
        moved.append(new)
    return moved
