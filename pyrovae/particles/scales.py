"""What Pyro multiplies the log-densities of a pair's sites by."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from ..capture import is_tracing
from ..errors import ScaleError
from .layout import Layout
from .plates import Named


class Scales:
    """What Pyro multiplies the log-densities of a pair's sites by.

    Scales that are tensors are compared only where one scale is needed, for that reads them.
    """

    def __init__(self, every: Iterable[Named], layout: Layout) -> None:
        self._every = [(side, name, {"scale": site["scale"]}) for side, name, site in every]
        self._layout = layout
        self._common: float | Tensor | None = None

    @property
    def common(self) -> float | Tensor:
        """The one factor of the whole pair: a number, a scalar tensor or one weight per datum [B].

        Raises:
            ScaleError: The sites are scaled unequally.
        """
        if self._common is None:
            self._common = common_scale(self._every, self._layout)
        return self._common

    @staticmethod
    def common_of(scales: Sequence[float | Tensor]) -> float | Tensor:
        """The scale that some sites share; 1.0 where they share none."""
        first = scales[0] if scales else 1.0
        alike = all(scale is first or _equal(scale, first) for scale in scales)
        return first if alike else 1.0

    def ones(self) -> "Scales":
        """Scales that are all 1.0."""
        return Scales((), self._layout)

    @property
    def is_one_number(self) -> bool:
        """Whether all scales are the same number; a tensor counts as none and is not read."""
        scales = [site["scale"] for _, _, site in self._every]
        first = scales[0] if scales else 1.0
        numbers = not any(isinstance(scale, Tensor) for scale in scales)
        return numbers and all(_equal(scale, first) for scale in scales)


def common_scale(every: list[Named], layout: Layout) -> float | Tensor:
    """The one factor of the whole pair, which goes outside the log-mean-exp.

    In a captured graph, which cannot branch on tensors, scales that differ give the factor NaN.
    The step is then not finite and not taken, and its eager run raises the error.

    Raises:
        ScaleError: The sites are scaled unequally, or by a tensor that is neither one number nor
            one weight per datum.
    """
    first = every[0][2]["scale"] if every else 1.0
    agree: list[Tensor] = []
    for side, name, site in every[1:]:
        if site["scale"] is first:
            continue
        if is_tracing() and (isinstance(first, Tensor) or isinstance(site["scale"], Tensor)):
            agree.append(_is_close(site["scale"], first))
        elif not _equal(site["scale"], first):
            raise ScaleError(
                f"site '{name}' of the {side} is scaled by {_show(site['scale'])}, and site "
                f"'{every[0][1]}' by {_show(first)}; a bound per datum needs one scale: "
                "subsample the same plate in model and guide, put `poutine.scale` around both, "
                "weigh a KL with objectives.Beta, name the plate over data (batch_plate='data') "
                "where sites outside of it belong to all data, or take objectives.ELBO, which is "
                "linear in the log-densities and keeps each site's own scale"
            )
    if agree:
        first = torch.where(torch.stack(agree).all(), torch.as_tensor(first), torch.nan)
    if not isinstance(first, Tensor) or first.numel() == 1:
        return first.reshape(()) if isinstance(first, Tensor) else first
    full = first.reshape((1,) * (layout.rank - first.dim()) + first.shape)
    if layout.batch_dim is None or full.numel() != full.shape[layout.batch_dim]:
        raise ScaleError(
            f"the pair is scaled by a tensor of shape {list(first.shape)}; a scale may be one "
            "number or one per datum along the batch plate"
        )
    return full.reshape(-1)


def _equal(a: float | Tensor, b: float | Tensor) -> bool:
    if isinstance(a, Tensor) and isinstance(b, Tensor) and 1 < a.numel() != b.numel() > 1:
        return False
    if isinstance(a, Tensor) or isinstance(b, Tensor):
        return bool(_is_close(a, b))
    return abs(a - b) <= 1e-6 * abs(b)


def _is_close(a: float | Tensor, b: float | Tensor) -> Tensor:
    one, other = (torch.as_tensor(scale).double() for scale in (a, b))
    return torch.isclose(one, other, rtol=1e-6, atol=0.0).all()


def _show(scale: float | Tensor) -> str:
    if isinstance(scale, Tensor) and scale.numel() > 1:
        return f"a tensor of shape {list(scale.shape)}"
    return f"{float(scale):.6g}"
