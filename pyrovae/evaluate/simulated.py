"""Latents and data drawn together from a model, with the arguments that its pair then takes."""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from ..errors import DataError
from ..particles import simulate_joint
from .block import Block

ToData = Callable[[dict[str, Tensor]], tuple[Tensor, ...]]
"""Makes the data arguments of the pair from what its observed sites would have held."""


def simulated(
    block: Block, to_data: ToData | None = None
) -> tuple[dict[str, Tensor], tuple[Tensor, ...], Block]:
    """Draw (z, x) ~ p(z, x) in place of the data of a block, so that z ~ p(z|x) exactly.

    Args:
        block: Rows of a sweep, of which the number and the shapes are used.
        to_data: See `bdmc`.

    Returns:
        The latents [1, b, ...] by site, the data arguments that were made, and the block of these.

    Raises:
        DataError: The observed sites do not give the pair's data.
    """
    latents, observed = simulate_joint(block.model, *block.args, batch_plate=block.batch_plate)
    if to_data is not None:
        made = to_data(observed)
    elif len(observed) == 1:
        made = tuple(observed.values())
    else:
        raise DataError(
            f"the model observes {sorted(observed)}, and which of its arguments each makes is not "
            "known; pass to_data="
        )
    for value, old in zip(made, block.args, strict=False):
        if not isinstance(old, Tensor) or value.shape != old.shape:
            shape = list(old.shape) if isinstance(old, Tensor) else type(old).__name__
            raise DataError(
                f"the model made data of shape {list(value.shape)} where its argument is "
                f"{shape}; say with to_data= how the one comes from the other"
            )
    made = tuple(v.to(old.dtype) for v, old in zip(made, block.args, strict=False))
    block = replace(block, args=(*made, *block.args[len(made) :]))
    if not _agree(block, observed):
        raise DataError(
            "given the data that it made, the model observes other values than it drew; say with "
            "to_data= how its arguments come from what its sites observe"
        )
    return latents, made, block


def _agree(block: Block, observed: dict[str, Tensor]) -> bool:
    """Whether the model observes what it drew."""
    for name, site in block.draw(1).model_sites.items():
        if name in observed:
            drawn = site.layout.arrange(observed[name], site.distributions[0].event_dim)
            if not torch.allclose(drawn.expand_as(site.value).to(site.value), site.value):
                return False
    return True
