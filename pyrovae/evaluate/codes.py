"""Data whose values are codes, such as those of text: no arithmetic is done with them."""

import torch

from ..errors import DataError
from ..particles import draw
from ..particles.isolation import isolated
from .sweep import Sweep


def check_no_codes(sweep: Sweep, where: str, way_out: str) -> None:
    """Refuse what computes with the values of the data, where these are codes.

    A distribution of codes says so by an attribute `are_codes`.

    Args:
        sweep: Over the data.
        where: The function that computes.
        way_out: What to do instead.

    Raises:
        DataError: They are.
    """
    with isolated(), sweep.networks_in_mode(), torch.no_grad():
        p = draw(
            sweep.model,
            sweep.guide,
            *sweep.arguments(slice(0, min(2, sweep.num_data))),
            batch_plate=sweep.batch_plate,
            scales="ignored",
        )
    for name, site in p.model_sites.items():
        if site.is_observed and site.are_codes:
            raise DataError(
                f"{where}: the data at '{name}' are codes, such as those of characters, and means "
                f"or distances of codes say nothing; {way_out}"
            )
