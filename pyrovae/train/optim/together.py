"""Adam's step of many parameters as one call of torch, which needs no compiling."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import Adam, AdamW, Optimizer

from ...capture.updates import as_update
from .functional import Group

# Of fewer, a compiled update of each takes less time in every step: with 8 parameters the step by
# this call took 14 % longer, with 12 it took 3.5 %.
_MANY = 16
_TYPES = (torch.float32, torch.float64)


def steps_together(groups: Sequence[Mapping[str, Any]], optimizer: Optimizer | None) -> bool:
    """Whether `adam_together` can take the steps of an optimiser.

    On a CPU, for many parameters that are contiguous, as their states are, and of one type. A
    graph then holds one operation for all, where `functional.adam` writes some twenty for each.
    """
    if optimizer is None or type(optimizer) not in (Adam, AdamW):
        return False
    leaves = [leaf for group in groups for leaf in group["params"]]
    if len(leaves) < _MANY:
        return False
    states = [t for leaf in leaves for t in optimizer.state[leaf].values() if t.numel() > 1]
    kinds = {(tensor.dtype, tensor.device.type) for tensor in (*leaves, *states)}
    whole = all(tensor.is_contiguous() for tensor in (*leaves, *states))
    return whole and kinds in ({(dtype, "cpu")} for dtype in _TYPES)


def adam_together(group: Group, taken: Tensor | None) -> None:
    """`functional.adam`, written into parameters and states in place.

    Args:
        group: Its tensors, options and rate.
        taken: Whether to step: a boolean tensor; None steps.

    Source:
        torch's own kernel, which `torch.optim.Adam(fused=True)` calls.
    """
    parameters, grads, states, options, lr = group
    largest = [state["max_exp_avg_sq"] for state in states] if options["amsgrad"] else []
    _adam(
        list(parameters), list(grads),
        [state["exp_avg"] for state in states], [state["exp_avg_sq"] for state in states],
        largest, [state["step"] for state in states], lr, taken,
        *options["betas"], options["weight_decay"], options["eps"], options["maximize"],
        options.get("decoupled_weight_decay", False),
    )  # fmt: skip


@as_update(
    "adam_(Tensor(a!)[] parameters, Tensor[] grads, Tensor(b!)[] means, Tensor(c!)[] squares,"
    " Tensor(d!)[] largest, Tensor(e!)[] steps, Tensor lr, Tensor? taken, float beta1,"
    " float beta2, float weight_decay, float eps, bool maximize, bool decoupled) -> ()"
)
def _adam(
    parameters: list[Tensor],
    grads: list[Tensor],
    means: list[Tensor],
    squares: list[Tensor],
    largest: list[Tensor],
    steps: list[Tensor],
    lr: Tensor,
    taken: Tensor | None,
    beta1: float,
    beta2: float,
    weight_decay: float,
    eps: float,
    maximize: bool,
    decoupled: bool,
) -> None:
    if taken is not None and not taken:
        return
    # torch's kernel reads memory in its order. What is compiled gives gradients of convolutions in
    # another order than the computation that was traced.
    grads = [grad.contiguous() for grad in grads]
    torch._foreach_add_(steps, 1.0)  # the kernel takes the count with this step in it
    call = torch._fused_adamw_ if decoupled else torch._fused_adam_
    call(
        parameters, grads, means, squares, largest, steps, lr=lr.item(), beta1=beta1, beta2=beta2,
        weight_decay=weight_decay, eps=eps, amsgrad=bool(largest), maximize=maximize,
    )  # fmt: skip
