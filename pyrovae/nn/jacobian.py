"""Squared norm of a network's Jacobian."""

from functools import partial

import torch
from torch import Tensor, nn

from .base import one_batch_axis


def squared_jacobian(
    network: nn.Module,
    x: Tensor,
    event_dim: int,
    out_dim: int,
    *,
    num_probes: int | None = None,
) -> Tensor:
    r"""Squared Frobenius norm of a network's Jacobian for each datum, differentiable.

    :math:`\|\partial h/\partial x\|_F^2 = \sum_l \|\nabla_x h_l\|^2`. It is exact, by one backward
    pass over a copy of the batch per output, or an unbiased estimate from random signs v:
    :math:`\mathrm{E}\,\|J^\top v\|^2 = \|J\|_F^2` (Hutchinson, 1990). The output for a datum
    must not depend on other data, as it does with BatchNorm.

    Args:
        network: Maps [N, *event] to [N, out_dim].
        x: Data [..., *event].
        event_dim: Number of axes of one datum.
        out_dim: L.
        num_probes: Number of random vectors of the estimate; None is exact, at the cost of L.

    Returns:
        The squared norm [...], in squared units of output over input.

    Example:
        >>> squared_jacobian(nn.Linear(3, 2), torch.zeros(5, 3), 1, 2).shape
        torch.Size([5])
    """
    linked = torch.is_grad_enabled()
    lead = x.shape[: x.dim() - event_dim]
    count = out_dim if num_probes is None else num_probes
    copies = x.detach().expand(count, *x.shape)
    with torch.enable_grad():
        # Not autograd.grad: its graph would treat the copies as a parameter and end there.
        run = partial(one_batch_axis, network, event_dim=event_dim)
        out, pull, *_ = torch.func.vjp(run, copies)
        if num_probes is None:
            unit = torch.eye(out_dim, dtype=out.dtype, device=out.device)
            probes = unit.reshape(out_dim, *[1] * len(lead), out_dim).expand_as(out)
        else:
            probes = torch.randn_like(out).sign()
        (slope,) = pull(probes)
    norms = slope.square().flatten(len(lead) + 1).sum(-1)  # [count, ...]
    found = norms.sum(0) if num_probes is None else norms.mean(0)
    return found if linked else found.detach()
