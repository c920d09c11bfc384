"""The device of a pair, and its arguments on that device."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from .handlers import Program
from .isolation import isolated
from .own_parameters import captured_parameters


def device_of(model: Program, guide: Program, args: Sequence[Any]) -> torch.device | None:
    """Device of the parameters that a pair declares; None where it is not known.

    Without an accelerator nothing is run. With one, the pair is run on copies of its arguments on
    the CPU. A pair on a GPU declares its parameters and then fails, which is ignored. Parameters
    that it makes from its arguments lie on the CPU, so one on another device decides.
    """
    if not torch.accelerator.is_available():
        return None
    args = pytree.tree_map_only(Tensor, Tensor.cpu, tuple(args))
    for program in (guide, model):
        with isolated(), torch.no_grad(), captured_parameters() as leaves:
            # Another error of the pair is raised again where it is run in earnest.
            with suppress(Exception):
                program(*args)
        devices = [leaf.device for leaf in leaves.values()]
        if devices:
            return next((device for device in devices if device.type != "cpu"), devices[0])
    return None


def to_device_of(model: Program, guide: Program, args: Sequence[Any]) -> tuple[Any, ...]:
    """The arguments of a pair, with their tensors on its device."""
    device = device_of(model, guide, args)
    if device is None:
        return tuple(args)
    return pytree.tree_map_only(Tensor, lambda tensor: tensor.to(device), tuple(args))
