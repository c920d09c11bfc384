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

from ...errors import ConfigError, ParameterError

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
        self.given: list[dict[str, Any]] = []  # options of each group as it came, before any step
        self._declared: dict[str, Tensor] = {}  # with second names of one and the same leaf
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
            first = {
                id(leaf): name for name, leaf in reversed([*self.leaves.items(), *new.items()])
            }
            once = {name: leaf for name, leaf in new.items() if first[id(leaf)] == name}
            if once:
                self._add(once)
            self._declared.update(new)
            groups = [] if self.torch is None else self.torch.param_groups
            self.given += [as_given(group) for group in groups[len(self.given) :]]

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
        others = {} if only is None else self._set_aside(only)
        tensors = list(self.leaves.values())
        if self.clip_norm is not None:
            norm = self.gradient_norm() if norm is None else norm
            torch.nn.utils.clip_grads_with_norm_(tensors, self.clip_norm, norm)
        if self.clip_value is not None:
            torch.nn.utils.clip_grad_value_(tensors, self.clip_value)
        self.torch.step()
        if only is None or isinstance(self.source, Optimizer):
            self.zero_grad()
        else:
            for leaf in tensors:
                if leaf.grad is not None:
                    leaf.grad.zero_()
        for leaf, grad in others.items():
            leaf.grad = grad

    def _set_aside(self, only: Mapping[str, Tensor]) -> dict[Tensor, Tensor]:
        """Take away the gradients of all leaves but these."""
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
        if isinstance(self.source, Optimizer):
            given = {id(t) for group in self.source.param_groups for t in group["params"]}
            missing = [name for name, leaf in new.items() if id(leaf) not in given]
            if missing:
                raise ParameterError(
                    f"the optimiser does not hold the parameters {missing}, so they "
                    "would not train; make it from "
                    "pyrovae.trainable(model, guide, *batch).values(), and from the parameters of "
                    "the objective's `networks` if it has any"
                )
            self.leaves.update(new)
            return
        self.leaves.update(new)
        if self.torch is None and len(self.source.optim_objs) == 1:  # another SVI has made it
            made = next(iter(self.source.optim_objs.values()))
            self.torch = made.optimizer if isinstance(made, Scheduler) else made
        if self.torch is not None:
            held = {id(t) for group in self.torch.param_groups for t in group["params"]}
            new = {name: leaf for name, leaf in new.items() if id(leaf) not in held}
            if not new:
                return
        groups = _groups(self.source, new)
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
        # Pyro has no name for the network that comes second under a name: its state is under None.
        anchor = next((name for name in (names[0], None) if name in waiting), None)
        if anchor not in waiting:
            return
        parts = [waiting.pop(name, None) for name in (anchor, *names[1:])]
        schedules = []
        if isinstance(made, Scheduler):
            schedules = [part and part["scheduler"] for part in parts]
            parts = [part and part["optimizer"] for part in parts]
        state = parts[0]
        if sum(len(group["params"]) for group in state["param_groups"]) < len(names):
            state = _joined(self.torch.state_dict(), parts)  # type: ignore[union-attr]
            schedules = [_joined_schedule(made, schedules)] if schedules else []
        self.torch.load_state_dict(state)  # type: ignore[union-attr]
        if schedules:
            made.load_state_dict(schedules[0])


def as_given(group: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a group, its rate without the factor of a schedule."""
    options = {k: v.item() if _is_number(v) else v for k, v in group.items() if k != "params"}
    if "initial_lr" in options:
        options["lr"] = options.pop("initial_lr")
    return options


def _is_number(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, Tensor) and value.numel() == 1


def _joined(whole: dict[str, Any], parts: list[dict[str, Any] | None]) -> dict[str, Any]:
    """One state from those that Pyro keeps per tensor, in the order of the leaves."""
    for group in whole["param_groups"]:
        part = parts[group["params"][0]]
        if part is not None:
            options = part["param_groups"][0]
            group.update({key: value for key, value in options.items() if key != "params"})
    states = {i: part["state"].get(0) for i, part in enumerate(parts) if part is not None}
    return {**whole, "state": {i: state for i, state in states.items() if state}}


def _joined_schedule(made: Any, schedules: list[dict[str, Any] | None]) -> dict[str, Any]:  # noqa: ANN401
    """Likewise of the schedulers; rates are listed by group, of which Pyro has one per tensor."""
    joined = dict(schedules[0] or {})
    firsts = [0]
    for group in made.optimizer.param_groups[:-1]:
        firsts.append(firsts[-1] + len(group["params"]))
    for key in ("base_lrs", "_last_lr"):
        if key in joined:
            joined[key] = [(schedules[first] or joined)[key][0] for first in firsts]
    return joined


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
