"""Latents and data drawn together from a model, with the arguments that its pair then takes."""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from ..errors import DataError
from ..particles import simulate_joint
from ..runtime.random_state import restore_random_state, save_torch_random_state
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
        DataError: The observed sites do not give the pair's data, or the model draws them given
            the data that it is called with.
    """
    state = save_torch_random_state()
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
    after = save_torch_random_state()
    restore_random_state(state)
    _check_draws(block, observed)
    restore_random_state(after)
    return latents, made, block


def _check_draws(block: Block, observed: dict[str, Tensor]) -> None:
    """Refuse a model whose draws follow the data that it is called with.

    The same random numbers give the same draws, whatever these data are, of any other model.
    """
    _, again = simulate_joint(block.model, *block.args, batch_plate=block.batch_plate)
    for name, value in observed.items():
        if again[name].shape != value.shape or not bool(_is_near(again[name], value).all()):
            raise DataError(
                f"what the model draws at '{name}' depends on the data that it is called with, "
                "as where each step is drawn given the data's own steps before it (teacher "
                "forcing) or given the total of the data's counts: it is no draw of the model; "
                "write p(x|z) as one distribution that draws each step given the steps that it "
                "drew, or give what is known of the data as an argument of its own"
            )


def _is_near(one: Tensor, other: Tensor) -> Tensor:
    if not one.is_floating_point():
        return one == other
    return torch.isclose(one, other, rtol=1e-3, atol=1e-5, equal_nan=True)


def _agree(block: Block, observed: dict[str, Tensor]) -> bool:
    """Whether the model observes what it drew."""
    for name, site in block.draw(1).model_sites.items():
        if name in observed:
            drawn = site.layout.arrange(observed[name], site.distributions[0].event_dim)
            if not torch.allclose(drawn.expand_as(site.value).to(site.value), site.value):
                return False
    return True
