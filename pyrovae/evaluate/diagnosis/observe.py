"""One pass over the data, in which latents are drawn and exchanged."""

from functools import partial
from typing import Any

import pyro
import torch
from torch import Tensor

from ...errors import PyrovaeError
from ...particles import Particles
from ..block import Block
from ..sweep import Sweep
from .exchange import (
    latent_sites,
    log_rest,
    means_of_data,
    redrawn,
    squared_distance,
    with_another,
)
from .moments import add_data, add_moments, kl_by_dimension
from .observation import Observation

_ROWS = 1000  # of the data that are kept


def observe(sweep: Sweep, num_draws: int) -> Observation:
    """Draw each datum's latents, one at a time, and exchange them.

    Args:
        sweep: Of one particle.
        num_draws: Of each datum.
    """
    blocks = sweep.each(partial(_of_block, num_draws=num_draws))
    total = Observation(refusal=next((b.refusal for b in blocks if b.refusal), ""))
    for block in blocks:
        total.draws += block.draws
        for (what, site), value in block.sums.items():
            total.add(what, site, value)
        for key, fact in block.facts.items():
            if key[0] == "scales":
                total.widen(*key, *fact)
            elif key[0] == "prior" and key in total.facts:
                total.facts[key] = _same(total.facts[key], fact)
            else:
                total.facts[key] = fact
    for key in blocks[0].per_datum:
        if all(key in block.per_datum for block in blocks):
            total.per_datum[key] = torch.cat([block.per_datum[key] for block in blocks])
    for name in blocks[0].rows:
        total.rows[name] = torch.cat([block.rows[name] for block in blocks])[:_ROWS]
    return total


def _of_block(block: Block, num_draws: int) -> Observation:
    found = Observation(draws=num_draws * len(block.args[0]))
    kept: dict[tuple[str, str], list[Tensor]] = {}
    for index in range(num_draws):
        with pyro.validation_enabled(index == 0):
            p = block.draw(1)
            if p.penalties:
                found.facts["penalties", ""] = sorted(p.penalties)
            for name in latent_sites(p):
                add_moments(found, p, name)
                by_dim = kl_by_dimension(p, name)
                if by_dim is not None:
                    kept.setdefault(("kl by dimension", name), []).append(by_dim)
            add_data(found, p, keep_rows=index == 0)
            if not found.refusal:
                _add_exchanges(found, kept, block, p)
    found.per_datum = {k: torch.stack(v).mean(0).cpu() for k, v in kept.items()}
    return found


def _add_exchanges(
    found: Observation, kept: dict[tuple[str, str], list[Tensor]], block: Block, p: Particles
) -> None:
    means = means_of_data(p)
    shift = int(torch.randint(1, p.batch_size, ())) if p.batch_size > 1 else 0
    order = latent_sites(p)
    for name in order:
        before = log_rest(p, name, order)
        try:
            if shift:
                other = with_another(block, p, name, shift)
                kept.setdefault(("exchanged", name), []).append(
                    before - log_rest(other, name, order)
                )
                after = means_of_data(other)
                if means and after.keys() == means.keys():
                    found.add("moved", name, squared_distance(means, after).sum() / 2)
            if p.model_sites[name].kind != "ImproperUniform":
                fresh = redrawn(block, p, name)
                kept.setdefault(("redrawn", name), []).append(
                    before - log_rest(fresh, name, order)
                )
        except (PyrovaeError, NotImplementedError, KeyError) as error:
            found.refusal = f"'{name}' cannot be set to another value: {error}"
            return


def _same(one: Any, other: Any) -> Any:  # noqa: ANN401
    if one is None or other is None:
        return None
    return one if all(torch.allclose(a, b) for a, b in zip(one, other, strict=True)) else None
