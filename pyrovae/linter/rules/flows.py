"""Flows whose density is wrong, or is not the same after loading."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from ..inspection import Inspection, base_of
from ..problem import Problem
from .base import Rule, listed

_MOST_DIMS = 64


class WrongJacobian(Rule):
    code, severity = "PV310", "fault"
    title = "a flow's log-determinant is not that of its Jacobian"
    remedy = (
        "take another flow: pyrovae.nn.flows; Pyro's MatrixExponential needs more iterations in "
        "high dimensions, and its BatchNorm is wrong in training mode"
    )

    def find(self, seen: Inspection) -> Iterator[Problem]:
        run = seen.run if seen.as_is.failed else seen.as_is
        for side in ("guide", "model"):
            for name, node in run.sites(side).items():
                fn = base_of(node["fn"])
                if not hasattr(fn, "transforms") or len(fn.event_shape) != 1:
                    continue
                gap = _gap(fn)
                if gap is not None:
                    yield self.problem(
                        f"the log-density of its flow in the {side} is off by up to {gap:.3g} "
                        f"nats, as its log-determinant is not that of its Jacobian",
                        name,
                        seen.line(side, name),
                    )


class LooseTensors(Rule):
    code, severity = "PV112", "information"
    title = "a transform holds tensors and is no module: Pyro neither moves nor saves them"
    remedy = (
        "save with pyrovae.save, which keeps them, or make the transform a part of a network with "
        "a buffer, as pyrovae.nn.flows.Permutation is"
    )

    def find(self, seen: Inspection) -> Iterator[Problem]:
        for side, name, node in seen.nodes():
            for transform in getattr(base_of(node["fn"]), "transforms", []):
                held = [n for n, v in vars(transform).items() if _is_table(n, v)]
                if held and not isinstance(transform, nn.Module):
                    yield self.problem(
                        f"its {type(transform).__name__} holds {listed(held)}, which the pair's "
                        "state does not have",
                        name,
                        seen.line(side, name),
                    )


def _is_table(name: str, value: Any) -> bool:  # noqa: ANN401
    return (
        isinstance(value, Tensor)
        and value.dim() > 0
        and not name.startswith("_cached")
        and not value.requires_grad
        and value.grad_fn is None
        and value.numel() > 1
    )


def _gap(fn: Any) -> float | None:  # noqa: ANN401
    """By how much the log-determinants of a flow are wrong, at worst; None where they are right.

    The Jacobian is that of the draws of each row, by automatic differentiation.
    """
    dims = fn.event_shape[0]
    if not 1 < dims <= _MOST_DIMS:
        return None
    state = torch.get_rng_state()
    try:
        start = fn.base_dist.sample().detach().requires_grad_()
        end, total = start, torch.zeros(())
        for transform in fn.transforms:
            after = transform(end)
            change = transform.log_abs_det_jacobian(end, after)
            extra = change.dim() - (start.dim() - 1)
            total = total + (change.flatten(-extra).sum(-1) if extra > 0 else change)
            end = after
        flat = end.reshape(-1, dims)
        rows = [
            torch.autograd.grad(flat[:, i].sum(), start, retain_graph=True)[0].reshape(-1, dims)
            for i in range(dims)
        ]
    except (RuntimeError, KeyError, NotImplementedError, ValueError, AttributeError):
        return None
    finally:
        torch.set_rng_state(state)
    exact = torch.linalg.slogdet(torch.stack(rows, 1).double())[1]
    found = total.detach().double().expand(end.shape[:-1]).reshape(-1)
    gaps = (found - exact).abs()
    worst = float(gaps.max())
    return worst if worst > 0.02 * (1 + float(exact.abs().max())) else None
