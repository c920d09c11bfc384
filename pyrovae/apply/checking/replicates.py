"""Replicated data sets: what a trained pair draws in place of the data."""

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

import pyro
import torch
from pyro.distributions import MaskedDistribution
from torch import Tensor

from ...data.base import mix_seed
from ...distributions.elements import elements_of
from ...errors import ConfigError, PlateError, first_line
from ...evaluate.block import Block
from ...evaluate.sweep import Sweep
from ...particles.conditionals import Conditional, conditionals
from ...particles.match import missing_latent
from ..observed import site_of_data

Predictive = Literal["posterior", "prior"]
"""Whether the latents of a replicate are drawn from q(z|x) of the data, or from p(z)."""

_MEMORY = 2**28  # bytes that the replicates drawn together may take


@dataclass(frozen=True, eq=False)
class Replicate:
    """A data set [N, ...] that was drawn, and the latents that it was drawn at, on the CPU."""

    x: Tensor
    latents: dict[str, Tensor]


def check_predictive(predictive: str) -> None:
    """Refuse another word.

    Raises:
        ConfigError: It is none of `Predictive`.
    """
    if predictive not in get_args(Predictive):
        raise ConfigError(
            f"predictive is {predictive!r}, and must be one of {', '.join(get_args(Predictive))}"
        )


def replicate_data(
    sweep: Sweep, count: int, predictive: Predictive, seed: int, *, keeps_latents: bool = False
) -> Iterator[tuple[Tensor, Replicate]]:
    """Draw data sets in place of the data of a sweep.

    They are drawn in groups that fit into memory, each by one sweep over the data.

    Args:
        sweep: What is replicated.
        count: R.
        predictive: See `Predictive`.
        seed: Of the draws.
        keeps_latents: Fill in the latents.

    Yields:
        The data [N, ...] as the model observes them, and a replicate; R times.
    """
    (first,) = sweep.inputs.source[:1][:1]
    size = max(1, min(count, _MEMORY // max(1, 4 * first.numel() * sweep.num_data)))
    for group, start in enumerate(range(0, count, size)):
        wanted = min(size, count - start)
        again = sweep.again(seed=mix_seed(seed, group) % 2**32, progress=False)
        run = partial(
            replicate_block, count=wanted, predictive=predictive, keeps_latents=keeps_latents
        )
        blocks = again.each(run)
        x = torch.cat([x for x, _ in blocks])
        for index in range(wanted):
            parts = [made[index] for _, made in blocks]
            latents = {
                name: torch.cat([part.latents[name] for part in parts])
                for name in parts[0].latents
            }
            yield x, Replicate(torch.cat([part.x for part in parts]), latents)


def replicate_block(
    block: Block, count: int, predictive: Predictive, keeps_latents: bool
) -> tuple[Tensor, list[Replicate]]:
    """The data of some rows, and replicates of them, on the CPU."""
    x = block.args[0]
    made = []
    for index in range(count):
        values = None
        with pyro.validation_enabled(False) if index else nullcontext():
            if predictive == "posterior":
                of_guide = conditionals(block.guide, *block.args)
                values = {n: site.value for n, site in of_guide.items() if not site.is_observed}
                sites = conditionals(block.model, *block.args, values=values)
            else:
                sites = _drawn_from_prior(block)
        latents = {n: site.value for n, site in sites.items() if not site.is_observed}
        if values is not None and (lacking := sorted(latents.keys() - values.keys())):
            raise missing_latent(lacking[0])
        observed = site_of_data(sites, x)[1]
        drawn = _drawn(observed).reshape(x.shape).to(x.dtype).cpu()
        if keeps_latents:
            _check_rows(latents, len(x))
        made.append(Replicate(drawn, {n: z.cpu() for n, z in latents.items()}
                              if keeps_latents else {}))  # fmt: skip
    return x.cpu(), made


def _drawn_from_prior(block: Block) -> dict[str, Conditional]:
    try:
        return conditionals(block.model, *block.args)
    except NotImplementedError as error:  # of a distribution without a sampler
        raise ConfigError(
            f"the prior predictive draws the latents from the model, and one cannot be drawn "
            f"({first_line(error) or 'an improper prior'}); take predictive='posterior' without "
            "calibrate, or a model with a proper prior"
        ) from error


def _drawn(site: Conditional) -> Tensor:
    """A draw, with the values of the data where a mask leaves them out."""
    drawn = site.fn.sample()
    elements = elements_of(site.fn)
    if isinstance(elements, MaskedDistribution) and isinstance(elements._mask, Tensor):
        drawn = torch.where(elements._mask, drawn, site.value.to(drawn.dtype))
    return drawn


def _check_rows(latents: dict[str, Tensor], rows: int) -> None:
    for name, z in latents.items():
        if z.shape[:1] != (rows,):
            raise PlateError(
                f"a statistic T(x, z) needs latents with a row for each datum, and '{name}' of "
                f"{rows} data has the shape {list(z.shape)}; give a statistic of the data alone"
            )
