"""Independent continuous variables by their density, whatever it is."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ....distributions.elements import elements_of
from ..raw import pop_bits, push_bits
from ..stack import Array, Stack
from ..symbols import Table
from .base import Coder
from .table import is_discrete

_CELLS = 64  # in a row, a standard deviation or half of it wide
_PARTS = 4  # bits of the place in a cell by the density; further bits are uniform
_RAW_BITS = 62
_BEYOND = 2.0**-16  # probability of all that lies beyond the cells
_FAR = 1e150  # where there is no end
_DRAWS = 65  # that say where a density without moments lies


class DensityCoder(Coder):
    """Codes independent variables with a `log_prob`: Laplace, gamma, beta, Student's t, ...

    The lattice points around the mean are divided into 64 cells of 16 parts, told by the density
    in the middle of each part. A density that is infinite somewhere is coded a little worse there,
    and so are values more than 16 standard deviations away, such as those of a Cauchy variable.
    """

    @staticmethod
    def takes(fn: Any) -> bool:  # noqa: ANN401
        elements = elements_of(fn)
        return elements is not None and not is_discrete(elements)

    @staticmethod
    def widths(fn: Any, value: Tensor) -> Tensor:  # noqa: ANN401
        return _place_and_width(elements_of(fn))[1]

    def push(self, stack: Stack, value: Tensor) -> None:
        first, bits, cells, parts = self._tables()
        offset = self.index(value) - first
        cell = offset >> bits
        is_far = self.is_open & ((cell < 0) | (cell >= _CELLS))
        if is_far.any():
            push_bits(stack, offset + (1 << (_RAW_BITS - 1)), np.where(is_far, _RAW_BITS, 0))
        cell = np.where(is_far, _CELLS, cell)
        inside = np.where(is_far, 0, offset & ((1 << bits) - 1))
        push_bits(stack, inside, np.where(is_far, 0, bits - _PARTS))
        stack.push(_of(parts, cell), inside >> (bits - _PARTS))
        stack.push(cells, cell)

    def pop(self, stack: Stack) -> Tensor:
        first, bits, cells, parts = self._tables()
        cell = stack.pop(cells)
        is_far = cell == _CELLS
        part = stack.pop(_of(parts, cell))
        low = pop_bits(stack, np.where(is_far, 0, bits - _PARTS))
        offset = (cell << bits) + (part << (bits - _PARTS)) + low
        if is_far.any():
            raw = pop_bits(stack, np.where(is_far, _RAW_BITS, 0)) - (1 << (_RAW_BITS - 1))
            offset = np.where(is_far, raw, offset)
        return self.padded(self.lattice.values(offset + first))

    def _tables(self) -> tuple[Array, Array, Table, Array]:
        """Number of the first point, bits of a cell, tables of the cells and of their parts."""
        elements: Any = elements_of(self.fn)
        place, width = (self.array(t) for t in _place_and_width(elements))
        low, high = (
            self.array(torch.as_tensor(end, dtype=torch.float64)) for end in _ends(elements)
        )
        step = self.lattice.step
        fitting = np.minimum(width / 2, (high - low) / _CELLS) / step
        bits = np.maximum(np.floor(np.log2(fitting)), _PARTS).astype(np.int64)
        size = np.exp2(bits) * step
        start = np.floor(place / size) - _CELLS // 2
        start = np.clip(start, np.ceil(low / size), np.floor(high / size) - _CELLS)
        first = np.clip(start, -(2.0**52), 2.0**52).astype(np.int64) << bits
        size_of_part = size / (1 << _PARTS)
        middles = (np.arange(_CELLS << _PARTS) + 0.5) * size_of_part[..., None]
        middles = middles + (first * step)[..., None]
        density = self._density(elements, middles).reshape(*first.shape, _CELLS, -1)
        cells = density.sum(-1)
        if self.is_open:
            beyond = np.maximum(cells.sum(-1, keepdims=True) * _BEYOND, 1e-300)
            cells = np.concatenate([cells, beyond], -1)
        return first, bits, Table(cells), density

    def _density(self, elements: Any, middles: Array) -> Array:  # noqa: ANN401
        """Relative densities [rows, m, S]; 0 outside of the support."""
        shape = elements.batch_shape
        values = torch.from_numpy(middles).permute(2, 0, 1)
        values = torch.cat([values, values[:, :1].expand(-1, shape[0] - self.rows, -1)], 1)
        found = elements.log_prob(values.reshape(-1, *shape))
        found = found.reshape(len(values), shape[0], -1)[:, : self.rows].permute(1, 2, 0)
        log_density = found.double().nan_to_num(-np.inf, np.inf, -np.inf)
        log_density = log_density.clamp(max=700)
        top = log_density.amax(-1, keepdim=True).clamp(min=-1e300)
        density = np.ascontiguousarray((log_density - top).exp().cpu().numpy())
        density[~(density.sum(-1) > 0)] = 1.0
        return density


def _of(parts: Array, cell: Array) -> Table:
    index = np.minimum(cell, _CELLS - 1)[..., None, None]
    chosen = np.take_along_axis(parts, index, -2)[..., 0, :]
    chosen = chosen / np.maximum(chosen.max(-1, keepdims=True), 1e-300)
    chosen[~(chosen.sum(-1) > 0)] = 1.0  # a cell without mass
    return Table(np.ascontiguousarray(chosen))


def _ends(elements: Any) -> tuple[Tensor, ...]:  # noqa: ANN401
    support = elements.support
    low, high = (getattr(support, f"{end}_bound", None) for end in ("lower", "upper"))
    low, high = -_FAR if low is None else low, _FAR if high is None else high
    return tuple(torch.as_tensor(end, dtype=torch.float64) for end in (low, high))


def _place_and_width(elements: Any) -> tuple[Tensor, Tensor]:  # noqa: ANN401
    """Mean and standard deviation; the same of the middle half of draws where there are none."""
    try:
        mean, width = elements.mean, elements.stddev
    except NotImplementedError:
        mean = width = torch.tensor(torch.nan)
    if not bool((mean.isfinite() & width.isfinite() & (width > 0)).all()):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            draws = elements.sample(torch.Size([_DRAWS])).sort(0).values
        mean, quarter = draws[_DRAWS // 2], _DRAWS // 4
        width = (draws[-1 - quarter] - draws[quarter]).clamp(min=1e-30)
    return mean, width
