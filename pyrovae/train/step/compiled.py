"""The whole training step as one compiled graph: Pyro's handlers, backward pass, optimiser."""

from collections.abc import Callable, Hashable, Sequence
from typing import Any, cast

import pyro
import torch
from pyro.infer import ELBO as PyroELBO
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from ...capture import Captured, keeping_buffers, kind_of
from ...particles.tracing import Program, captured_parameters
from ..optim.functional import Group, start_state, update_of
from ..optim.joint import JointOptimizer
from ..ranks.all_reduce import AllReduce
from .agreement import Agreement
from .pyro_losses import differentiable
from .result import StepResult
from .static_key import Settings

_PLAIN = (bool, int, float, str, type(None))


class CompiledStep:
    """One training step, captured whole; parameters, states and buffers are written in place.

    What may change from step to step without a new graph: the batch, the learning rates, and
    every tensor that is written into in place (the weight of `objectives.Beta`). Numbers that an
    objective, an optimiser or a network holds belong to the key, and a change of them makes a new
    graph. Numbers in the closure of a function are frozen.

    Args:
        model: Pyro model.
        guide: Pyro guide.
        loss: Of a pair and a batch; see `SVI`.
        optimizer: Covers all leaves of the pair.
        networks: Those that the pair runs.
        only_finite: Leave everything as it is from the first step on whose loss or gradient is
            not finite.
        all_reduce: Where several ranks train together: the graph then gives this rank's gradients,
            and what follows is done after they are summed.
        tolerance: See `Captured`.
        reference: The user's own `loss_and_grads`. What stands for it in the graph must agree
            with it in value and gradient before a step is captured.
    """

    def __init__(
        self,
        model: Program,
        guide: Program,
        loss: PyroELBO | Callable[..., Any],
        optimizer: JointOptimizer,
        networks: Sequence[nn.Module],
        *,
        only_finite: bool = False,
        all_reduce: AllReduce | None = None,
        tolerance: float | None = None,
        reference: Callable[..., Any] | None = None,
    ) -> None:
        self._model, self._guide = model, guide
        self._objective, self._loss = loss, differentiable(loss)
        self._agreement = Agreement(self._loss, loss, reference)
        self._optimizer = optimizer
        self._settings = Settings([vars(owner) for owner in (loss, *networks)], _is_setting)
        self._groups = cast(Any, optimizer.torch).param_groups
        self._options = Settings(self._groups, _is_option)
        self._all_reduce = all_reduce
        self._update = None if all_reduce else update_of(self._groups, optimizer.torch)
        self._leaves = list(optimizer.leaves.values())
        device = self._leaves[0].device
        self._rates = [torch.zeros((), dtype=torch.float64, device=device) for _ in self._groups]
        self._written: list[float | None] = [None] * len(self._rates)
        self._alive = torch.tensor(True, device=device) if only_finite and not all_reduce else None
        self._batches: list[tuple[list[Any], Any]] = []  # what the next run is given, with trees
        self._moving: list[Tensor] = []
        start_state(optimizer.torch, [leaf for leaf in self._leaves if leaf.grad is not None])
        self.captured, self._several = (
            Captured(self._run, name, loose=self._loose, admit=self._agrees, tolerance=tolerance)
            for name in ("the training step", "a call of several training steps")
        )

    def __call__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> StepResult | None:
        """Take a step; None where it must be taken eagerly."""
        key, tensors = self._enter(args, kwargs)
        found = self.captured(key, *tensors)
        if found is None:
            return None
        loss, norm, taken, *grads = found
        if self._update is None and (self._all_reduce or bool(taken)):
            for leaf, grad in zip(self._moving, grads, strict=True):
                leaf.grad = grad
            if not self._all_reduce:
                self._optimizer.step(norm)
        return StepResult(loss, norm, taken, deferred=self._latched)

    def several(self, calls: Sequence[tuple[Any, ...]]) -> list[StepResult] | None:
        """Take a step for each call, all in one graph; None where they must be taken otherwise."""
        if self._update is None or self._several.refusal:
            return None
        entered = self._enter_all(calls)
        if entered is None:
            return None
        self.captured.interrupt()
        key, tensors = entered
        found = self._several(key, *tensors)
        if found is None:
            with keeping_buffers():
                found = self._run(*tensors)
        threes = zip(found[::3], found[1::3], found[2::3], strict=True)
        return [StepResult(*three, deferred=self._latched) for three in threes]

    @property
    def seconds(self) -> float:
        """Time spent on capturing and compiling."""
        return self.captured.seconds + self._several.seconds

    @property
    def is_current(self) -> bool:
        """Whether the optimiser has kept its state; `load_state_dict` puts another there."""
        return cast(Any, self._optimizer.torch).param_groups is self._groups

    def prepare(self, calls: Sequence[tuple[Any, ...]], fresh: Sequence[tuple[Any, ...]]) -> None:
        """Capture the steps of a call on some batches, check them on as many others, undo all."""
        captured = self.captured if len(calls) == 1 else self._several
        others, entered = self._enter_all(fresh), self._enter_all(calls)
        if entered is not None and others is not None and entered[0] == others[0]:
            captured.prepare(*entered, others[1])

    @property
    def _latched(self) -> bool:
        return self._alive is not None and self._update is not None

    def _enter_all(self, calls: Sequence[tuple[Any, ...]]) -> tuple[Hashable, list[Tensor]] | None:
        """`_enter` for the steps of one call; None where their kinds differ."""
        key, tensors = self._enter(calls[0], {})
        if len(calls) == 1:
            return key, tensors
        batches = self._batches
        first, _ = batches[0]
        for args in calls[1:]:
            leaves, other, structure = _flattened(args, {})
            if (structure, kind_of(leaves)) != (key[0], kind_of(first)):
                return None
            tensors += [leaf for leaf in leaves if isinstance(leaf, Tensor)]
            batches.append((leaves, other))
        return (len(calls), key), tensors

    def _enter(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Hashable, Hashable], list[Tensor]]:
        """Key and tensors of a call; sets what the graph reads besides."""
        leaves, tree, structure = _flattened(args, kwargs)
        self._batches = [(leaves, tree)]
        for i, (group, rate) in enumerate(zip(self._groups, self._rates, strict=True)):
            if isinstance(group["lr"], Tensor):
                rate.copy_(group["lr"])
            elif group["lr"] != self._written[i]:
                rate.fill_(group["lr"])
                self._written[i] = group["lr"]
        tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
        return (structure, self._key(leaves)), tensors

    def _key(self, leaves: Sequence[Any]) -> Hashable:
        frozen = tuple(leaf.requires_grad for leaf in self._leaves)
        particles = getattr(self._objective, "num_particles", None)
        clips = self._optimizer.clip_norm, self._optimizer.clip_value
        part = self._all_reduce.part if self._all_reduce else None
        return (
            clips,
            kind_of(leaves),
            self._settings.key(),
            self._options.key(),
            frozen,
            particles,
            part,
        )

    def _run(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        given = iter(tensors)
        steps = [
            self._one([next(given) if isinstance(leaf, Tensor) else leaf for leaf in leaves], tree)
            for leaves, tree in self._batches
        ]
        if len(steps) == 1:
            return steps[0]
        return tuple(tensor for step in steps for tensor in step[:3])

    def _one(self, leaves: list[Any], tree: Any) -> tuple[Tensor, ...]:  # noqa: ANN401
        """Loss, norm of the gradient, whether the step was taken, and the gradients."""
        args, kwargs = (leaves, {}) if tree is None else pytree.tree_unflatten(leaves, tree)
        with pyro.validation_enabled(False), torch.enable_grad(), captured_parameters():
            loss = self._loss(self._model, self._guide, *args, **kwargs)
        grads = self._gradients(loss)
        with torch.no_grad():
            norm = torch.stack([torch.linalg.vector_norm(g) for g in grads]).norm()
            taken = torch.isfinite(norm + loss)
            if self._alive is not None:
                taken = self._alive & taken
                self._alive.copy_(taken)
            if self._update is not None:
                self._move(self._clipped(grads, norm), taken)
        return loss.detach(), norm, taken, *grads

    def _agrees(self, *_: Tensor) -> bool:
        """Whether the loss to be captured is the user's own, on the batch that is entered."""
        leaves, tree = self._batches[0]
        args, kwargs = (leaves, {}) if tree is None else pytree.tree_unflatten(leaves, tree)
        return self._agreement.holds(self._model, self._guide, args, kwargs, self._leaves)

    def _gradients(self, loss: Tensor) -> list[Tensor]:
        """Of the leaves that move, which `_moving` then holds."""
        wanted = [leaf for leaf in self._leaves if leaf.requires_grad]
        found = torch.autograd.grad(loss, wanted, allow_unused=True)
        pairs = []
        for leaf, grad in zip(wanted, found, strict=True):
            if grad is not None:
                pairs.append((leaf, grad))
            elif leaf.grad is not None:  # Pyro zeroes gradients, and so momentum moves the leaf
                pairs.append((leaf, torch.zeros_like(leaf)))
        self._moving = [leaf for leaf, _ in pairs]
        return [grad for _, grad in pairs]

    def _clipped(self, grads: list[Tensor], norm: Tensor) -> list[Tensor]:
        if self._optimizer.clip_norm is not None:
            factor = (self._optimizer.clip_norm / (norm + 1e-6)).clamp(max=1.0)
            grads = [grad * factor for grad in grads]
        if self._optimizer.clip_value is not None:
            limit = self._optimizer.clip_value
            grads = [grad.clamp(-limit, limit) for grad in grads]
        return grads

    def _move(self, grads: list[Tensor], taken: Tensor) -> None:
        states = cast(Any, self._optimizer.torch).state
        update = cast(Any, self._update)
        by_leaf = {id(leaf): grad for leaf, grad in zip(self._moving, grads, strict=True)}
        for group, rate in zip(self._groups, self._rates, strict=True):
            leaves = [leaf for leaf in group["params"] if id(leaf) in by_leaf]
            if not leaves:
                continue
            found = [by_leaf[id(leaf)] for leaf in leaves]
            moved = update(Group(leaves, found, [states[leaf] for leaf in leaves], group, rate))
            for leaf, new in zip(leaves, moved, strict=True):
                for name, value in new.items():
                    place = leaf if name == "parameter" else states[leaf][name]
                    if self._alive is not None:
                        value = torch.where(taken, value, place)
                    place.copy_(value)

    def _loose(self) -> list[Tensor]:
        """What moves with the gradient, which is compared itself."""
        states = cast(Any, self._optimizer.torch).state
        kept = [t for leaf in self._leaves for t in states[leaf].values() if isinstance(t, Tensor)]
        return [*self._leaves, *kept]


def _flattened(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[list[Any], Any, Hashable]:
    """Leaves, the tree to put them back into (None for a plain list), and what tells trees apart.

    Most batches are a plain list, and trees take their time.
    """
    if not kwargs and all(isinstance(arg, Tensor) or type(arg) in _PLAIN for arg in args):
        return list(args), None, len(args)
    leaves, tree = pytree.tree_flatten((args, kwargs))
    return leaves, tree, repr(tree)


def _is_setting(name: str, value: Any) -> bool:  # noqa: ANN401
    return type(value) in _PLAIN and name[0] != "_"


def _is_option(name: str, value: Any) -> bool:  # noqa: ANN401
    return name not in ("params", "lr") and type(value) in (*_PLAIN, tuple)
