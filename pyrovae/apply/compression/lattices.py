"""The lattice of each latent, from the posteriors of some data."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ...errors import NonFiniteError
from .checks import latents_of
from .coders.choice import kind_for
from .coders.counts import CountCoder
from .lattice import Lattice, exponent_within
from .programs import Sites

_NARROW = 0.1  # quantile of the widths that a lattice is made for
_FLOWS = 0.125  # as a flow bends, its blur has to be far smaller than a posterior is wide


def lattices_of(model: Sites, guide: Sites, grid: float) -> dict[str, Lattice]:
    """The lattice of each latent, in the order of the model.

    Args:
        model: Sites of the model at draws of the guide.
        guide: Sites of the guide for some data.
        grid: Steps, in widths of the narrower posteriors.

    Raises:
        NonFiniteError: A width is not a positive number.
    """
    return {
        name: _lattice(name, site.fn, guide[name].fn, guide[name].value, grid)
        for name, site in latents_of(model).items()
    }


def lattice_of_counts(name: str, fn: Any, largest: float) -> Lattice:  # noqa: ANN401
    """That of a site without a largest value: the number of bits of the largest one there is."""
    if kind_for(name, fn) is not CountCoder:
        return Lattice()
    return Lattice(max(1, int(largest).bit_length()))


def words_of(lattices: Mapping[str, Lattice]) -> list[int]:
    """The lattices as numbers of 16 bits."""
    return [lattice.word for lattice in lattices.values()]


def _lattice(name: str, p: Any, q: Any, value: Tensor, grid: float) -> Lattice:  # noqa: ANN401
    found = kind_for(name, q).widths(q, value)
    if found is None:
        return lattice_of_counts(name, p, 4 * float(value.max()) + 16)
    width = grid * _narrow(name, found)
    if not any(kind_for(name, fn).is_flow for fn in (p, q)):
        return Lattice(exponent_within(width))
    step = Lattice(exponent_within(_FLOWS * width)).step
    widths = [kind_for(name, fn).base_widths(fn, value, step) for fn in (p, q)]
    base = min(_narrow(name, found) for found in widths if found is not None)
    return Lattice(exponent_within(step), exponent_within(base))


def _narrow(name: str, widths: Tensor) -> float:
    found = float(widths.detach().double().flatten().quantile(_NARROW))
    if not 0 < found < float("inf"):
        raise NonFiniteError(
            f"the posteriors of the latent '{name}' have a width of {found:g}, with which it "
            "cannot be coded; train the pair anew"
        )
    return found
