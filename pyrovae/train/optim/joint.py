"""One torch optimiser over all leaves of a pair, from whatever the user gives."""

from collections.abc import Mapping
from typing import Any

import torch
from pyro.optim import PyroOptim
from torch import Tensor
from torch.optim import Optimizer

from ...errors import ConfigError, ParameterError
from .from_pyro import (
    Made,
    construct,
    is_scheduled,
    load_waiting_state,
    optimizer_in,
    parameter_groups,
)
from .rates import LearningRate
from .recipe import Factory, Recipe
from .source import OptimizerLike, check_as_given, source_of


class JointOptimizer:
    """Steps every leaf of a pair with one torch optimiser, and knows them by name.

    A `pyro.optim` wrapper makes one optimiser over all leaves instead of one per tensor. Its own
    `save`, `load`, `get_state` and (for schedulers) `step` keep working.

    Args:
        optim: See `SVI`.
        clip_norm: Largest norm of the gradient over all leaves together; None does not clip. By
            default the `clip_norm` of a wrapper's `clip_args`, which Pyro applies per tensor.
        lr: See `SVI`.
        weight_decay: See `SVI`.

    Raises:
        ConfigError: `optim` is no optimiser and makes none, or the numbers do not fit it.
    """

    def __init__(
        self,
        optim: OptimizerLike,
        clip_norm: float | None = None,
        *,
        lr: LearningRate | None = None,
        weight_decay: float | None = None,
    ) -> None:
        if clip_norm is not None and not clip_norm > 0:
            raise ConfigError(f"clip_norm={clip_norm}, needs a number above 0, or None")
        self.source = source_of(optim, lr, weight_decay)
        self._numbers = (lr, weight_decay)
        self.leaves: dict[str, Tensor] = {}
        self.given: list[dict[str, Any]] = []  # options of each group before the first step
        self._declared: dict[str, Tensor] = {}  # under every name, where a leaf has several
        self.torch: Optimizer | None = optim if isinstance(optim, Optimizer) else None
        clip_args = optim.pt_clip_args if isinstance(optim, PyroOptim) else {}
        if callable(clip_args):
            raise ConfigError(
                "clip_args as a function is per tensor; pass clip_norm to SVI instead"
            )
        self.clip_norm: float | None = (
            clip_norm if clip_norm is not None else clip_args.get("clip_norm")
        )
        self.clip_value: float | None = clip_args.get("clip_value")

    def cover(self, leaves: Mapping[str, Tensor]) -> None:
        """Add the leaves of a pair; those already known must be the same tensors.

        Raises:
            ParameterError: A leaf is another tensor than before, or is unknown to the torch
                optimiser that was passed in: it would not train.
        """
        new = {}
        for name, leaf in leaves.items():
            if name not in self._declared:
                new[name] = leaf
            elif self._declared[name] is not leaf:
                raise ParameterError(
                    f"parameter '{name}' is another tensor than in the first step, so its "
                    "optimiser would not move it; declare it once with `pyro.param` from a plain "
                    "tensor, do not clear the parameter store between steps, and give two "
                    "networks two names"
                )
        if new:
            known = {id(leaf) for leaf in self.leaves.values()}
            once = {}
            for name, leaf in new.items():
                if id(leaf) not in known:
                    known.add(id(leaf))
                    once[name] = leaf
            if once:
                self._add(once)
            self._declared.update(new)
            groups = [] if self.torch is None else self.torch.param_groups
            added = groups[len(self.given) :]
            if not isinstance(self.source, Recipe):
                check_as_given(added, *self._numbers)
            self.given += [as_given(group) for group in added]

    @property
    def scheduler(self) -> Made | None:
        """The scheduler of a `pyro.optim` wrapper that has one, once it is made."""
        made = self.source.optim_objs.values() if isinstance(self.source, PyroOptim) else ()
        return next(filter(is_scheduled, made), None)

    def gradient_norm(self) -> Tensor:
        """Norm of the gradient over all leaves, a scalar."""
        grads = [leaf.grad for leaf in self.leaves.values() if leaf.grad is not None]
        return torch.nn.utils.get_total_norm(grads)

    def step(self, norm: Tensor | None = None, only: Mapping[str, Tensor] | None = None) -> None:
        """Clip, update every leaf, and clear the gradients.

        Args:
            norm: The gradient norm, where it is known already.
            only: As Pyro steps: these leaves move (by momentum also where the gradient is zero,
                for their gradients are zeroed, not dropped), all others stay.
        """
        if self.torch is None:
            raise ParameterError(
                "the pair declares no parameters, so nothing would train; use `pyro.param`, call "
                "`pyro.module('name', network)` in the pair, or use a PyroModule"
            )
        others = {} if only is None else self._remove_other_gradients(only)
        tensors = list(self.leaves.values())
        if self.clip_norm is not None:
            norm = self.gradient_norm() if norm is None else norm
            torch.nn.utils.clip_grads_with_norm_(tensors, self.clip_norm, norm)
        if self.clip_value is not None:
            torch.nn.utils.clip_grad_value_(tensors, self.clip_value)
        self.torch.step()
        if only is None or not isinstance(self.source, PyroOptim):
            self.zero_grad()
        else:
            for leaf in tensors:
                if leaf.grad is not None:
                    leaf.grad.zero_()
        for leaf, grad in others.items():
            leaf.grad = grad

    def _remove_other_gradients(self, only: Mapping[str, Tensor]) -> dict[Tensor, Tensor]:
        """Remove the gradients of all leaves but these; gives them."""
        chosen = {id(leaf) for leaf in only.values()}
        groups = self.torch.param_groups if self.torch is not None else []
        held = [leaf for group in groups for leaf in group["params"] if id(leaf) not in chosen]
        others = {leaf: leaf.grad for leaf in held if leaf.grad is not None}
        for leaf in others:
            leaf.grad = None
        return others

    def zero_grad(self) -> None:
        """Clear the gradients of all leaves."""
        for leaf in self.leaves.values():
            leaf.grad = None

    def _add(self, new: dict[str, Tensor]) -> None:
        if isinstance(self.source, Factory):
            self.source = self.source.make(new)
            self.torch = self.source if isinstance(self.source, Optimizer) else None
        if isinstance(self.source, Optimizer):
            given = {id(t) for group in self.source.param_groups for t in group["params"]}
            missing = [name for name, leaf in new.items() if id(leaf) not in given]
            if missing:
                raise ParameterError(
                    f"the optimiser does not hold the parameters {missing}, so they "
                    "would not train; make it from "
                    "pyrovae.trainable(model, guide, *batch).values(), and from the parameters of "
                    "the objective's `networks` if it has any; or pass its class, and freeze what "
                    "is not to train with `requires_grad_(False)`"
                )
            self.leaves.update(new)
            return
        if isinstance(self.source, Recipe):
            self.leaves.update(new)
            if self.torch is None:
                self.torch = self.source.make(new)
                return
            for group in self.source.groups(new):
                self.torch.add_param_group(group)
            return
        self.leaves.update(new)
        if self.torch is None and len(self.source.optim_objs) == 1:  # another SVI has made it
            self.torch = optimizer_in(next(iter(self.source.optim_objs.values())))
        if self.torch is not None:
            held = {id(t) for group in self.torch.param_groups for t in group["params"]}
            new = {name: leaf for name, leaf in new.items() if id(leaf) not in held}
            if not new:
                return
        groups = parameter_groups(self.source, new)
        if self.torch is not None:
            if any(map(is_scheduled, self.source.optim_objs.values())):
                raise ParameterError(
                    f"parameters {sorted(new)} appeared after the first step, and a scheduler "
                    "cannot take them in; declare every parameter in the first step"
                )
            for group in groups:
                self.torch.add_param_group(group)
            return
        anchor = next(iter(self.leaves.values()))
        made = construct(self.source, groups)
        self.source.optim_objs = {anchor: made}
        self.torch = optimizer_in(made)
        load_waiting_state(self.source, made, list(self.leaves))


def as_given(group: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a parameter group, its rate without the factor of a schedule."""
    options = {k: v.item() if _is_number(v) else v for k, v in group.items() if k != "params"}
    if "initial_lr" in options:
        options["lr"] = options.pop("initial_lr")
    return options


def _is_number(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, Tensor) and value.numel() == 1
