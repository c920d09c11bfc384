"""Whether the loss that a graph computes is the one that the user gave."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pyro
import torch
from torch import Tensor

from ...capture import deviation, diagnose, rounding
from ...errors import CaptureError
from ...objectives.objective import Objective
from ...objectives.pyro_equals import Loss
from ...particles.isolation import isolated
from ...particles.own_parameters import captured_parameters
from ...particles.tracing import Program
from ...runtime.random_state import kept_random_state

LossAndGrads = Callable[..., Any]


class Agreement:
    """Compares a loss in tensors alone with the `loss_and_grads` that it replaces in a graph.

    Args:
        loss: In tensors alone; the graph computes it.
        objective: What the user gave.
        reference: Its `loss_and_grads`, which an eager step calls.
    """

    def __init__(
        self,
        loss: Loss,
        objective: Objective,
        reference: LossAndGrads | None,
    ) -> None:
        is_same = objective.is_gradient_of_captured_loss(reference)
        self._loss, self._objective = loss, objective
        self._reference = None if is_same else reference

    def holds(
        self,
        model: Program,
        guide: Program,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        leaves: Sequence[Tensor],
    ) -> bool:
        """Whether both have one value and one gradient on a batch, with the same random numbers.

        Parameters, gradients and random streams stay as they are.

        Returns:
            False where the value is not finite, so that they cannot be compared.

        Raises:
            CaptureError: They differ.
        """
        if self._reference is None:
            return True
        wanted = [leaf for leaf in leaves if leaf.requires_grad]
        with isolated(), torch.enable_grad():
            with kept_random_state(), _kept_gradients(leaves), captured_parameters():
                value = self._reference(model, guide, *args, **kwargs)
                theirs = [_or_zero(leaf.grad, leaf) for leaf in wanted]
            with pyro.validation_enabled(False), captured_parameters():
                try:
                    loss = self._loss(model, guide, *args, **kwargs)
                except (RuntimeError, ValueError, TypeError, LookupError) as error:
                    raise CaptureError(diagnose(error)) from error
            found = torch.autograd.grad(loss, wanted, allow_unused=True)
        name = self._objective.class_name
        if isinstance(value, tuple):
            raise CaptureError(f"{name} gives {len(value)} losses, and a graph follows one")
        ours = [loss.detach(), *map(_or_zero, found, wanted)]
        theirs = [torch.as_tensor(value, dtype=loss.dtype, device=loss.device), *theirs]
        if not all(bool(tensor.isfinite().all()) for tensor in theirs):
            return False
        difference = deviation(ours, theirs)
        if difference > rounding(ours):
            raise CaptureError(
                f"the loss that would be captured differs from {name} by {difference:.1e}, "
                "relative, in value or gradient; use one of pyrovae.objectives"
            )
        return True


def _or_zero(gradient: Tensor | None, leaf: Tensor) -> Tensor:
    return torch.zeros_like(leaf) if gradient is None else gradient


@contextmanager
def _kept_gradients(leaves: Sequence[Tensor]) -> Iterator[None]:
    """In this context no leaf has a gradient; after it each has its earlier one."""
    kept = [leaf.grad for leaf in leaves]
    try:
        for leaf in leaves:
            leaf.grad = None
        yield
    finally:
        for leaf, gradient in zip(leaves, kept, strict=True):
            leaf.grad = gradient
