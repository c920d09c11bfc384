"""One torch optimiser over all leaves of a pair, from a `pyro.optim` wrapper or a torch one."""

import inspect
from collections.abc import Mapping
from typing import Any, cast

import torch
from pyro.optim import PyroLRScheduler, PyroOptim
from pyro.params import module_from_param_with_module_name, user_param_name
from pyro.params.param_store import normalize_param_name
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from ..errors import ConfigError, ParameterError

Scheduler = (LRScheduler, ReduceLROnPlateau)


class JointOptimizer:
    """Steps every leaf of a pair with one torch optimiser, and knows them by name.

    A `pyro.optim` wrapper is instantiated once over all leaves instead of once per tensor; its
    own `save`, `load`, `get_state` and (for schedulers) `step` keep working.

    Args:
        optim: A `pyro.optim` wrapper, or a torch optimiser made over the pair's parameters.
        clip_norm: Largest norm of the gradient over all leaves together; None does not clip. By
            default the `clip_norm` of a wrapper's `clip_args`, which Pyro applies per tensor.

    Raises:
        ConfigError: `optim` is neither.
    """

    def __init__(self, optim: PyroOptim | Optimizer, clip_norm: float | None = None) -> None:
        if not isinstance(optim, (PyroOptim, Optimizer)):
            raise ConfigError(
                f"the optimiser is a {type(optim).__name__}; pass a pyro.optim wrapper such as "
                "pyro.optim.Adam({'lr': 1e-3}), or a torch optimiser over the pair's parameters "
                "(pyrovae.trainable(model, guide, *batch).values())"
            )
        self.source = optim
        self.leaves: dict[str, Tensor] = {}
        self.torch: Optimizer | None = optim if isinstance(optim, Optimizer) else None
        clip_args = optim.pt_clip_args if isinstance(optim, PyroOptim) else {}
        if callable(clip_args):
            raise ConfigError(
                "clip_args as a function is per tensor; pass clip_norm to SVI instead"
            )
        self.clip_norm = clip_norm if clip_norm is not None else clip_args.get("clip_norm")
        self.clip_value = clip_args.get("clip_value")

    def cover(self, leaves: Mapping[str, Tensor]) -> None:
        """Take in the leaves of a pair; those already known must be the same tensors.

        Raises:
            ParameterError: A leaf is another tensor than before, or is unknown to the torch
                optimiser that was passed in: it would not train.
        """
        new = {}
        for name, leaf in leaves.items():
            if name not in self.leaves:
                new[name] = leaf
            elif self.leaves[name] is not leaf:
                raise ParameterError(
                    f"parameter '{name}' is another tensor than in the first step, so its "
                    "optimiser would not move it; declare it once with `pyro.param` from a plain "
                    "tensor, do not clear the parameter store between steps, and give two "
                    "networks two names"
                )
        if new:
            self._add(new)

    def gradient_norm(self) -> Tensor:
        """Norm of the gradient over all leaves, a scalar."""
        grads = [leaf.grad for leaf in self.leaves.values() if leaf.grad is not None]
        return torch.nn.utils.get_total_norm(grads)

    def step(self, norm: Tensor | None = None) -> None:
        """Clip, update every leaf, and clear the gradients."""
        if self.torch is None:
            raise ParameterError(
                "the pair declares no parameters, so nothing would train; use `pyro.param`, call "
                "`pyro.module('name', network)` in the pair, or use a PyroModule"
            )
        tensors = list(self.leaves.values())
        if self.clip_norm is not None:
            norm = self.gradient_norm() if norm is None else norm
            torch.nn.utils.clip_grads_with_norm_(tensors, self.clip_norm, norm)
        if self.clip_value is not None:
            torch.nn.utils.clip_grad_value_(tensors, self.clip_value)
        self.torch.step()
        self.zero_grad()

    def zero_grad(self) -> None:
        """Clear the gradients of all leaves."""
        for leaf in self.leaves.values():
            leaf.grad = None

    def _add(self, new: dict[str, Tensor]) -> None:
        if isinstance(self.source, Optimizer):
            given = {id(t) for group in self.source.param_groups for t in group["params"]}
            missing = [name for name, leaf in new.items() if id(leaf) not in given]
            if missing:
                raise ParameterError(
                    f"the optimiser does not hold the parameters {missing} of the pair, so they "
                    "would not train; make it from "
                    "pyrovae.trainable(model, guide, *batch).values()"
                )
            self.leaves.update(new)
            return
        groups = _groups(self.source, new)
        self.leaves.update(new)
        if self.torch is not None:
            if any(isinstance(o, Scheduler) for o in self.source.optim_objs.values()):
                raise ParameterError(
                    f"parameters {sorted(new)} appeared after the first step, and a scheduler "
                    "cannot take them in; declare every parameter in the first step"
                )
            for group in groups:
                self.torch.add_param_group(group)
            return
        anchor = next(iter(self.leaves.values()))
        made = _construct(self.source, groups)
        self.source.optim_objs = {anchor: made}
        self.torch = made.optimizer if isinstance(made, Scheduler) else made
        self._consume_waiting_state(made)

    def _consume_waiting_state(self, made: Any) -> None:  # noqa: ANN401
        """Take over what `PyroOptim.load` left for parameters not yet seen."""
        waiting = self.source._state_waiting_to_be_consumed  # type: ignore[union-attr]
        names = list(self.leaves)
        if not waiting or names[0] not in waiting:
            return
        parts = [waiting.pop(name, None) for name in names]
        scheduled = isinstance(made, Scheduler)
        states = [p["optimizer"] if p is not None and scheduled else p for p in parts]
        first = states[0]
        if len(first["param_groups"][0]["params"]) < len(names):  # written per tensor, by Pyro
            whole = self.torch.state_dict()  # type: ignore[union-attr]
            for group in whole["param_groups"]:
                group.update({k: v for k, v in first["param_groups"][0].items() if k != "params"})
            whole["state"] = {
                i: s["state"][0] for i, s in enumerate(states) if s is not None and s["state"]
            }
            first = whole
        self.torch.load_state_dict(first)  # type: ignore[union-attr]
        if scheduled:
            made.load_state_dict(parts[0]["scheduler"])


def _groups(source: PyroOptim, leaves: Mapping[str, Tensor]) -> list[dict[str, Any]]:
    """Parameter groups: one, or one per leaf where the wrapper's options are a function."""
    if not callable(source.pt_optim_args):
        return [{"params": list(leaves.values())}]
    options = source.pt_optim_args
    groups = []
    for name, leaf in leaves.items():
        if len(inspect.signature(options).parameters) == 1:
            chosen = options(normalize_param_name(name))
        else:
            chosen = options(module_from_param_with_module_name(name), user_param_name(name))
        groups.append({"params": [leaf], **chosen})
    return groups


def _construct(source: PyroOptim, groups: list[dict[str, Any]]) -> Any:  # noqa: ANN401
    """The wrapper's torch optimiser, or the scheduler around it, over all groups."""
    shared = {} if callable(source.pt_optim_args) else source.pt_optim_args
    made = cast(Any, source.pt_optim_constructor)(groups, **shared)
    if isinstance(source, PyroLRScheduler):
        return source.pt_scheduler_constructor(made, **source.kwargs)
    return made
