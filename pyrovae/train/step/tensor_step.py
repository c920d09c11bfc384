"""One training step in tensor operations alone: loss, gradient, clipping, update."""

from collections.abc import Sequence
from typing import Any, cast

import pyro
import torch
from torch import Tensor

from ...objectives.pyro_equals import Loss
from ...particles.own_parameters import captured_parameters
from ...particles.tracing import Program
from ..optim.functional import Group, start_state, update_of
from ..optim.joint import JointOptimizer
from ..optim.together import adam_together, steps_together


class TensorStep:
    """A training step that a graph can hold: it reads no value of a tensor into Python.

    Parameters, states of the optimiser and buffers are written in place.

    Args:
        model: Pyro model.
        guide: Pyro guide.
        loss: Gives the scalar loss of the pair on a batch, in nats; see `differentiable`.
        optimizer: Covers all leaves of the pair.
        only_finite: From the first step on whose loss or gradient is not finite, leave everything
            as it is.
        moves_leaves: Whether the step updates the leaves, or gives their gradients alone.

    Attributes:
        groups: Parameter groups of the optimiser.
        updates: Whether the step updates the leaves. Of an optimiser that `update_of` does not
            know it gives the gradients alone.
        leaves: All leaves.
        moved: The leaves whose gradients the latest run gave.
        is_alone: Whether its graph holds no other step; set from outside.
    """

    def __init__(
        self,
        model: Program,
        guide: Program,
        loss: Loss,
        optimizer: JointOptimizer,
        *,
        only_finite: bool,
        moves_leaves: bool,
    ) -> None:
        self._model, self._guide, self._loss, self._optimizer = model, guide, loss, optimizer
        self.groups = cast(Any, optimizer.torch).param_groups
        self._update = update_of(self.groups, optimizer.torch) if moves_leaves else None
        self.updates = self._update is not None
        self.is_alone = True
        self.leaves = list(optimizer.leaves.values())
        self.moved: list[Tensor] = []
        device = self.leaves[0].device
        self._rates = [torch.zeros((), dtype=torch.float64, device=device) for _ in self.groups]
        self._written: list[float | None] = [None] * len(self._rates)
        self._all_taken = torch.tensor(True, device=device) if only_finite else None
        start_state(optimizer.torch, [leaf for leaf in self.leaves if leaf.grad is not None])

    def __call__(self, *args: Any, **kwargs: Any) -> tuple[Tensor, ...]:  # noqa: ANN401
        """Loss, norm of the gradient, whether the step was taken, and the gradients."""
        with pyro.validation_enabled(False), torch.enable_grad(), captured_parameters():
            loss = self._loss(self._model, self._guide, *args, **kwargs)
        grads, loss = self._gradients(loss), loss.detach()
        with torch.no_grad():
            norm = torch.stack([torch.linalg.vector_norm(g) for g in grads]).norm()
            taken = torch.isfinite(norm + loss)
            if self._all_taken is not None:
                taken = self._all_taken & taken
                self._all_taken.copy_(taken)
            if self._update is not None:
                self._move(self._clipped(grads, norm), taken)
        return loss, norm, taken, *grads

    @property
    def stops_at_first(self) -> bool:
        """Whether no step is taken after the first that is not finite."""
        return self._all_taken is not None and self.updates

    def uncompared(self) -> list[Tensor]:
        """Leaves and their states, which follow from the gradient; that is compared itself."""
        states = cast(Any, self._optimizer.torch).state
        kept = [t for leaf in self.leaves for t in states[leaf].values() if isinstance(t, Tensor)]
        return [*self.leaves, *kept]

    def write_rates(self) -> None:
        """Write the learning rates of the optimiser into the tensors that a graph reads."""
        for i, (group, rate) in enumerate(zip(self.groups, self._rates, strict=True)):
            if isinstance(group["lr"], Tensor):
                rate.copy_(group["lr"])
            elif group["lr"] != self._written[i]:
                rate.fill_(group["lr"])
                self._written[i] = group["lr"]

    def _gradients(self, loss: Tensor) -> list[Tensor]:
        """Gradients of the leaves that move, which `moved` then lists."""
        wanted = [leaf for leaf in self.leaves if leaf.requires_grad]
        found = torch.autograd.grad(loss, wanted, allow_unused=True)
        pairs = []
        for leaf, grad in zip(wanted, found, strict=True):
            if grad is not None:
                pairs.append((leaf, grad))
            elif leaf.grad is not None:  # Pyro zeroes gradients, and so momentum moves the leaf
                pairs.append((leaf, torch.zeros_like(leaf)))
        self.moved = [leaf for leaf, _ in pairs]
        return [grad for _, grad in pairs]

    def _clipped(self, grads: list[Tensor], norm: Tensor) -> list[Tensor]:
        if self._optimizer.clip_norm is not None:
            factor = (self._optimizer.clip_norm / (norm + 1e-6)).clamp(max=1.0)
            grads = [grad * factor for grad in grads]
        if self._optimizer.clip_value is not None:
            limit = self._optimizer.clip_value
            grads = [grad.clamp(-limit, limit) for grad in grads]
        return grads

    def _move(self, grads: Sequence[Tensor], taken: Tensor) -> None:
        """Update the leaves that have these gradients, and their states."""
        states = cast(Any, self._optimizer.torch).state
        update = cast(Any, self._update)
        together = self.is_alone and steps_together(self.groups, self._optimizer.torch)
        by_leaf = {id(leaf): grad for leaf, grad in zip(self.moved, grads, strict=True)}
        for group, rate in zip(self.groups, self._rates, strict=True):
            leaves = [leaf for leaf in group["params"] if id(leaf) in by_leaf]
            if not leaves:
                continue
            found = [by_leaf[id(leaf)] for leaf in leaves]
            given = Group(leaves, found, [states[leaf] for leaf in leaves], group, rate)
            if together:
                adam_together(given, taken if self._all_taken is not None else None)
                continue
            moved = update(given)
            for leaf, new in zip(leaves, moved, strict=True):
                for name, value in new.items():
                    target = leaf if name == "parameter" else states[leaf][name]
                    if self._all_taken is not None:
                        value = torch.where(taken, value, target)
                    target.copy_(value)
