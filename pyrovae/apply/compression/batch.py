"""Rows on their way onto the stack, and back."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pyro.distributions import TorchDistribution
from torch import Tensor

from ...particles.conditionals import Choose
from ..observed import site_of_data
from .checks import latents_of
from .coders.base import padded
from .coders.choice import coder_for
from .coders.point import is_point, point_of
from .lattice import Lattice
from .programs import Programs
from .stack import Array, Stack


@dataclass
class Batch:
    """Some rows on their way.

    Attributes:
        args: What the pair takes besides the data, padded.
        rows: How many are coded.
        size: How many the pair sees.
        lattices: Where latents live, by name, and the data.
        latents: Their values, once they are known.
    """

    args: tuple[Any, ...]
    rows: int
    size: int
    lattices: dict[str, Lattice]
    latents: dict[str, Tensor] = field(default_factory=dict)


def push_rows(programs: Programs, stack: Stack, x: Tensor, batch: Batch) -> Array:
    """Push rows onto the stack; their code lengths in bits."""
    x = padded(x, batch.size)
    stack.start(batch.rows)

    def pop(name: str, fn: TorchDistribution) -> Tensor:
        lattice = batch.lattices[name]
        batch.latents[name] = coder_for(name, fn, batch.rows, lattice, is_open=False).pop(stack)
        return batch.latents[name]

    programs.guide(x, batch.args, pop)
    sites = programs.model(batch.size, batch.args, replayed(batch.latents))
    data, site = site_of_data(sites, x)
    for name, found in reversed({**latents_of(sites), data: site}.items()):
        value = x.reshape(site.fn.shape()) if name == data else batch.latents[name]
        lattice = batch.lattices[name]
        coder_for(name, found.fn, batch.rows, lattice, is_open=True).push(stack, value)
    return stack.bits


def pop_rows(programs: Programs, stack: Stack, batch: Batch, steps: Sequence[Lattice]) -> Tensor:
    """Pop what `push_rows` pushed [rows, *shape], as `programs` take them."""
    stack.start(batch.rows)

    def pop(name: str, fn: TorchDistribution) -> Tensor:
        lattice = batch.lattices[name] = steps[len(batch.lattices)]
        batch.latents[name] = coder_for(name, fn, batch.rows, lattice, is_open=True).pop(stack)
        return batch.latents[name]

    sites = programs.model(batch.size, batch.args, pop)
    blank = programs.zeros(batch.size)
    data, site = site_of_data(sites, blank)
    coder = coder_for(data, site.fn, batch.rows, steps[-1], is_open=True)
    x = coder.pop(stack).reshape(blank.shape)
    sites = programs.guide(x, batch.args, lambda name, _: batch.latents[name])
    for name, found in reversed(latents_of(sites).items()):
        lattice = batch.lattices[name]
        coder = coder_for(name, found.fn, batch.rows, lattice, is_open=False)
        coder.push(stack, batch.latents[name])
    return x[: batch.rows]


def replayed(values: dict[str, Tensor]) -> Choose:
    """Chooses these values, but for points, which the model computes when it decodes, too."""

    def choose(name: str, fn: TorchDistribution) -> Tensor | None:
        if is_point(fn):
            return point_of(fn).expand(fn.shape())
        return values.get(name)

    return choose
