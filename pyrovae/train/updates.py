"""The steps of torch's optimisers as plain tensor operations, on their own states in place."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import SGD, Adam, AdamW, Optimizer

Update = Callable[[Tensor, Tensor, dict[str, Any], Mapping[str, Any], Tensor], dict[str, Tensor]]
"""Parameter, gradient, its state, options of its group, rate -> new values; "parameter" is one."""


def update_of(groups: Sequence[Mapping[str, Any]], optimizer: Optimizer | None) -> Update | None:
    """How an optimiser moves a tensor; None for those that are not known here."""
    if type(optimizer) in (Adam, AdamW):
        return adam
    # With dampening the first step is another than those that follow.
    plain = all(group.get("dampening", 0) == 0 for group in groups)
    return sgd if type(optimizer) is SGD and plain else None


def start_state(optimizer: Optimizer | None, leaves: Sequence[Tensor]) -> None:
    """Make the state of leaves that have none, as before a first step; nothing else changes."""
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


def adam(
    parameter: Tensor, grad: Tensor, state: dict[str, Any], options: Mapping[str, Any], lr: Tensor
) -> dict[str, Tensor]:
    """Adam, AdamW and AMSGrad as in `torch.optim.Adam`.

    Source:
        Adam (Kingma and Ba, 2015), algorithm 1, https://arxiv.org/abs/1412.6980; decoupled weight
        decay (Loshchilov and Hutter, 2019), algorithm 2, https://arxiv.org/abs/1711.05101
    """
    beta1, beta2 = options["betas"]
    grad = -grad if options["maximize"] else grad
    decay = options["weight_decay"]
    if decay and options.get("decoupled_weight_decay", False):
        parameter = parameter * (1 - lr * decay).to(parameter.dtype)
    elif decay:
        grad = grad + decay * parameter
    step = state["step"] + 1
    mean = torch.lerp(state["exp_avg"], grad, 1 - beta1)
    square = beta2 * state["exp_avg_sq"] + (1 - beta2) * grad * grad
    new = {"step": step, "exp_avg": mean, "exp_avg_sq": square}
    if options["amsgrad"]:
        square = torch.maximum(state["max_exp_avg_sq"], square)
        new["max_exp_avg_sq"] = square
    precise = step.to(torch.float64)
    size = (lr / (1 - beta1**precise)).to(parameter.dtype)
    root = (1 - beta2**precise).sqrt().to(parameter.dtype)
    new["parameter"] = parameter - size * mean / (square.sqrt() / root + options["eps"])
    return new


def sgd(
    parameter: Tensor, grad: Tensor, state: dict[str, Any], options: Mapping[str, Any], lr: Tensor
) -> dict[str, Tensor]:
    """Stochastic gradient descent as in `torch.optim.SGD`, without dampening."""
    grad = -grad if options["maximize"] else grad
    if options["weight_decay"]:
        grad = grad + options["weight_decay"] * parameter
    new = {}
    momentum = options["momentum"]
    if momentum:
        buffer = momentum * state["momentum_buffer"] + grad
        new["momentum_buffer"] = buffer
        grad = grad + momentum * buffer if options["nesterov"] else buffer
    new["parameter"] = parameter - lr.to(parameter.dtype) * grad
    return new
