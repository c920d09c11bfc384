"""Geodesics: curves between two latents whose decoded length is least."""

import torch
from torch import Tensor

from ...errors import SiteError
from .curves import bent, coefficients_of, spherical, straight
from .decoder import Decoder
from .metric import MetricName, energy, length

_SEGMENTS = 32  # of the curve whose energy is minimised
FINE = torch.linspace(0, 1, 4 * _SEGMENTS + 1, dtype=torch.float64)  # where lengths are measured


def geodesic(
    decoder: Decoder,
    first: Tensor,
    last: Tensor,
    metric: MetricName,
    *,
    num_sines: int = 8,
    num_steps: int = 100,
    center: Tensor | float = 0.0,
) -> Tensor:
    """Coefficients [P, M, L] of the `bent` lines of least energy, all optimised at once (L-BFGS).

    A search for a local minimum, from the straight line or the spherical one, whichever has less
    energy. A curve that came out longer than the straight line becomes that.

    Args:
        decoder: Of P paths.
        first: [P, L].
        last: Likewise.
        metric: See `MetricName`.
        num_sines: How sharply a curve can bend, M.
        num_steps: Iterations at most.
        center: Of the sphere.

    Raises:
        SiteError: What is decoded does not depend on the latent.
    """
    t = torch.linspace(0, 1, _SEGMENTS + 1, dtype=torch.float64).to(first)
    span = (last - first).norm(dim=-1).clamp_min(1e-12)[:, None, None]
    with torch.no_grad():
        line = energy(decoder, straight(first, last, t), t, metric)
        start = coefficients_of(spherical(first, last, t, center), num_sines, t)
        round_ = energy(decoder, bent(first, last, start, t), t, metric)
        start = torch.where((round_ < line)[:, None, None], start, 0.0)
    share = (start / span).contiguous().requires_grad_()
    optimizer = torch.optim.LBFGS(
        [share], max_iter=num_steps, line_search_fn="strong_wolfe", tolerance_change=1e-12
    )

    def loss() -> Tensor:
        optimizer.zero_grad()
        with torch.enable_grad():
            found = energy(decoder, bent(first, last, share * span, t), t, metric)
            total = (found / line.clamp_min(1e-30)).sum()
            (slope,) = torch.autograd.grad(total, share, allow_unused=True)
            if slope is None:
                raise SiteError(
                    f"what is decoded does not change with the latent '{decoder.site}' while the "
                    "others are held; choose another site, or others='model'"
                )
            share.grad = slope.contiguous()
        return total.detach()

    optimizer.step(loss)
    found = (share * span).detach()
    with torch.no_grad():
        fine = FINE.to(first)
        lengths = [
            length(decoder, bent(first, last, c, fine), fine, metric)
            for c in (found, torch.zeros_like(found))
        ]
    shorter = (lengths[0] <= lengths[1]) & found.isfinite().flatten(1).all(-1)
    return torch.where(shorter[:, None, None], found, 0.0)
