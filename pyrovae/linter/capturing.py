"""Whether the training step of a pair can be captured as a graph, and if not, the line."""

import warnings
from typing import Any

import pyro
import torch
from torch import Tensor

from ..capture import Captured
from ..errors import CaptureWarning
from ..objectives import ELBO
from ..particles.parameters import trainable
from .inspection import Batch, Inspection


def why_not_captured(
    seen: Inspection, batch: Batch, other: Batch, *, batch_plate: str | None
) -> str:
    """Why loss and gradient of a batch cannot be one graph of tensors; "" where they can.

    The graph is interpreted, not compiled, and compared on a second batch.

    Args:
        batch: Traced with.
        other: Compared on; of the same shapes.
    """
    objective = ELBO(batch_plate=batch_plate)
    leaves = list(trainable(seen.model, seen.guide, *batch, **seen.kwargs).values())
    places = [i for i, arg in enumerate(batch) if isinstance(arg, Tensor)]

    def step(*tensors: Tensor) -> tuple[Tensor, ...]:
        args: list[Any] = list(batch)
        for place, tensor in zip(places, tensors, strict=True):
            args[place] = tensor
        with torch.enable_grad():
            loss = objective.differentiable_loss(seen.model, seen.guide, *args, **seen.kwargs)
            grads = torch.autograd.grad(loss, leaves, allow_unused=True)
        return (loss.detach(), *(g for g in grads if g is not None))

    captured = Captured(step, "the step", compiler=None)
    with warnings.catch_warnings(), pyro.validation_enabled(False):
        warnings.simplefilter("ignore", CaptureWarning)
        captured.prepare("", [batch[i] for i in places], [other[i] for i in places])
    return captured.refusal
