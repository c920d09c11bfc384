"""The state that an optimiser keeps once it has taken a step, found on copies."""

from collections import OrderedDict, defaultdict
from typing import Any, cast

import torch
from torch import Tensor
from torch.optim import Optimizer

from ...runtime.random_state import kept_random_state


def state_after_a_step(optimizer: Optimizer) -> list[dict[str, Any]]:
    """The state of each tensor after a step, in the optimiser's order; nothing changes.

    The step is taken by a second object of the class over copies of the tensors. Only `vars` makes
    one: the class's arguments are not known here, and torch's own `copy` and `deepcopy` drop what
    a subclass keeps besides options and state.
    """
    copies = {
        leaf: leaf.detach().clone().requires_grad_()
        for group in optimizer.param_groups
        for leaf in group["params"]
    }
    probe = object.__new__(type(optimizer))
    vars(probe).update(vars(optimizer))
    vars(probe).pop("step", None)  # a scheduler's, which would step the original
    probe.param_groups = [
        {k: v.clone() if isinstance(v, Tensor) else v for k, v in group.items() if k != "params"}
        | {"params": [copies[leaf] for leaf in group["params"]]}
        for group in optimizer.param_groups
    ]
    probe.state = defaultdict(dict)
    for leaf, held in optimizer.state.items():
        probe.state[copies[leaf]] = {
            k: v.clone() if isinstance(v, Tensor) else v for k, v in held.items()
        }
    for hooks in ("_optimizer_step_pre_hooks", "_optimizer_step_post_hooks"):
        setattr(probe, hooks, OrderedDict())
    for copy in copies.values():
        copy.grad = torch.zeros_like(copy)
    with kept_random_state():
        cast(Any, probe).step()
    return [dict(probe.state[copy]) for copy in copies.values()]
