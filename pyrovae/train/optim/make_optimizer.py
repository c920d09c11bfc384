"""The optimiser that `fit` is asked for."""

from collections.abc import Callable, Iterable, Mapping

import torch
from pyro.optim import PyroLRScheduler, PyroOptim
from torch import Tensor
from torch.optim import Optimizer

from ...errors import ConfigError

OptimizerLike = Callable[[Iterable[Tensor]], Optimizer] | Optimizer | PyroOptim


def make_optimizer(
    wanted: OptimizerLike | None, leaves: Mapping[str, Tensor], lr: float
) -> Optimizer | PyroOptim:
    """What `SVI` takes: Adam with `lr`, what `wanted` makes from the leaves, or `wanted`.

    Raises:
        ConfigError: `wanted` is a scheduler, which the loop would not step.
    """
    tensors = list({id(leaf): leaf for leaf in leaves.values()}.values())
    if wanted is None:
        fused = all(t.device.type in ("cpu", "cuda") and t.is_floating_point() for t in tensors)
        return torch.optim.Adam(tensors, lr=lr, fused=fused)
    if isinstance(wanted, PyroLRScheduler):
        raise ConfigError(
            "fit: optimizer is a pyro.optim scheduler, which nobody would step; pass the plain "
            "pyro.optim wrapper, and schedule= for the learning rate"
        )
    if isinstance(wanted, PyroOptim | Optimizer):
        return wanted
    return wanted(tensors)
