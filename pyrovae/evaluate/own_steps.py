"""Whether a model draws its data given the very data that it is called with."""

from collections.abc import Mapping

import pyro
import torch
from pyro.distributions import MaskedDistribution
from torch import Tensor

from ..distributions.elements import elements_of
from ..errors import DataError
from ..particles.conditionals import Conditional, conditionals
from ..particles.isolation import isolated
from ..particles.tracing import Program
from ..runtime.random_state import seed_generators
from .sweep import Sweep

_FEW = 8  # rows that show it


def check_no_own_steps(sweep: Sweep, where: str) -> None:
    """Refuse a model whose draws follow the elements of the data that it is called with.

    Under the same latents and the same random numbers any other model draws the same for all
    data. What depends on the data by the sum of a datum alone, as counts given their total do, is
    taken: it is drawn for data of these sizes.

    Args:
        sweep: Over the data.
        where: The function that draws.

    Raises:
        DataError: They do.
    """
    args = sweep.arguments(slice(0, min(_FEW, sweep.num_data)))
    with isolated(), sweep.networks_in_mode(), torch.no_grad():
        found = own_steps_of(sweep.model, sweep.guide, *args)
    if found is not None:
        raise DataError(
            f"{where}: what the model draws at '{found}' depends on the data that it is called "
            "with, as where each step is drawn given the data's own steps before it (teacher "
            "forcing): it is no draw of the model; write p(x|z) as one distribution that draws "
            "each step given the steps that it drew"
        )


def own_steps_of(model: Program, guide: Program, x: Tensor, *rest: object) -> str | None:
    """The site of the data whose draws follow the elements of x [N, ...]; None where none does."""
    seed = int(torch.randint(2**31, ()))

    def run(data: Tensor) -> tuple[str, Tensor, Tensor] | None:
        seed_generators(seed)
        sites = conditionals(model, data, *rest, values=values)
        name = _site_of(sites, data)
        return None if name is None else (name, *_drawn(sites[name], data))

    of_guide = conditionals(guide, x, *rest)
    values = {name: site.value for name, site in of_guide.items() if not site.is_observed}
    first = run(x)
    if first is None:
        return None
    name, drawn, made = first
    with pyro.validation_enabled(False):
        second = run(made)
        if second is None or _same(drawn, second[1]):
            return None
        try:
            turned = run(made.flatten(1).flip(1).reshape(made.shape))
        except (RuntimeError, ValueError, IndexError):  # data that the networks cannot read
            return name
    return None if turned is not None and _same(second[1], turned[1]) else name


def _site_of(sites: Mapping[str, Conditional], x: Tensor) -> str | None:
    """The only site that observes as many values as there are in x."""
    found = [n for n, s in sites.items() if s.is_observed and s.value.numel() == x.numel()]
    return found[0] if len(found) == 1 else None


def _drawn(site: Conditional, x: Tensor) -> tuple[Tensor, Tensor]:
    """A draw, and the data with it in their place, but for what a mask leaves out."""
    drawn = site.fn.sample()
    elements, made = elements_of(site.fn), drawn.reshape(x.shape).to(x.dtype)
    if isinstance(elements, MaskedDistribution) and isinstance(elements._mask, Tensor):
        mask = elements._mask.expand(drawn.shape)
        drawn = torch.where(mask, drawn, torch.zeros_like(drawn))
        made = torch.where(mask.reshape(x.shape), made, x)
    return drawn, made


def _same(one: Tensor, other: Tensor) -> bool:
    if one.shape != other.shape:
        return False
    if not one.is_floating_point():
        return torch.equal(one, other)
    return torch.allclose(one, other, rtol=1e-3, atol=1e-5, equal_nan=True)
