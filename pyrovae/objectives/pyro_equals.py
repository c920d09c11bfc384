"""Losses of Pyro and of users, as functions of tensors alone."""

import math
from collections.abc import Callable
from typing import Any, cast

import torch
from pyro.infer import ELBO as PyroELBO
from pyro.infer import Trace_ELBO, TraceEnum_ELBO, TraceMeanField_ELBO
from pyro.infer.traceenum_elbo import _compute_dice_elbo
from torch import Tensor
from torch.overrides import TorchFunctionMode

from ..errors import CaptureError
from ..particles import Particles
from ..particles.tracing import Program
from .elbo import ELBO

Loss = Callable[..., Tensor]


def differentiable(loss: PyroELBO | Callable[..., Any]) -> Loss:
    """A function that gives the loss whose gradient `loss.loss_and_grads` leaves in the leaves.

    Pyro's `Trace_ELBO` and `TraceMeanField_ELBO` read scalars into Python. An objective replaces
    them that has the same value and gradient where every latent is reparameterised.
    """
    if type(loss) in (Trace_ELBO, TraceMeanField_ELBO):
        return _pathwise(cast(Any, loss))
    if isinstance(loss, TraceEnum_ELBO):
        return _enumerated(loss)
    if isinstance(loss, PyroELBO):
        found = getattr(loss, "differentiable_loss", None)
        return (
            found
            if found is not None
            else _refused(
                f"{type(loss).__name__} has no differentiable_loss; use one of pyrovae.objectives"
            )
        )
    return loss


def _pathwise(loss: Any) -> Loss:  # noqa: ANN401
    together = loss.vectorize_particles
    one = _PathwiseELBO(
        loss.num_particles if together else 1,
        closed_form_kl=type(loss) is TraceMeanField_ELBO,
        batch_plate=None,
        max_plate_nesting=None if math.isinf(loss.max_plate_nesting) else loss.max_plate_nesting,
    ).differentiable_loss
    if together:
        return one

    def mean(*args: Any, **kwargs: Any) -> Tensor:  # noqa: ANN401
        """Over runs of one particle, each of which draws its own subsample, as in Pyro."""
        losses = [one(*args, **kwargs) for _ in range(loss.num_particles)]
        return torch.stack(losses).mean()

    return mean


class _PathwiseELBO(ELBO):
    def surrogate(self, p: Particles) -> Tensor:
        for site in p.guide_sites.values():
            if site.needs_score:
                raise CaptureError(
                    f"site '{site.name}' ({site.kind}) has no reparameterised sampler, and Pyro's "
                    "own gradient for it has no equal here; use objectives.ELBO or VIMCO"
                )
        return super().surrogate(p)


def _enumerated(loss: TraceEnum_ELBO) -> Loss:
    def negative_elbo(model: Program, guide: Program, *args: Any, **kwargs: Any) -> Tensor:  # noqa: ANN401
        traces = list(loss._get_traces(model, guide, args, kwargs))
        with _AllCosts():
            terms = [_compute_dice_elbo(*pair) for pair in traces]
        return -sum(terms) / loss.num_particles

    return negative_elbo


class _AllCosts(TorchFunctionMode):
    """Lets Pyro's DiCE operator weight costs by probabilities without reading their values.

    It asks whether all probabilities are above zero, and if not, leaves out the costs of the
    others, which may be infinite. Here the answer is yes, and a probability of zero times any cost
    is zero. Only Pyro's code runs in this context, and of it only DiCE calls these functions so.
    """

    def __torch_function__(
        self,
        func: Any,  # noqa: ANN401
        types: Any,  # noqa: ANN401
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        kwargs = kwargs or {}
        if func is Tensor.all:
            return True
        if func is torch.tensordot and kwargs.get("dims") == args[0].dim():
            probability, cost = args
            return (probability * torch.where(probability > 0, cost, 0.0)).sum()
        return func(*args, **kwargs)


def _refused(reason: str) -> Loss:
    def refuse(*_: Any, **__: Any) -> Tensor:  # noqa: ANN401
        raise CaptureError(reason)

    return refuse
