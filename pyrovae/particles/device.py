"""Where a pair lies, and bringing there what it is called with."""

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
    """Device of the parameters that a pair declares; None where none tells.

    Without an accelerator all lies on the CPU, and nothing is run. With one, the pair is run on
    the CPU's copies of its arguments. It need not come to its end: a pair on a GPU declares its
    parameters, and then fails. Parameters that it makes of its arguments at this moment lie on
    the CPU; those that lie elsewhere tell.
    """
    if not torch.accelerator.is_available():
        return None
    args = pytree.tree_map_only(Tensor, Tensor.cpu, tuple(args))
    for program in (guide, model):
        with isolated(), torch.no_grad(), captured_parameters() as leaves:
            # Whatever is wrong besides is said where the pair is run for good.
            with suppress(Exception):
                program(*args)
        devices = [leaf.device for leaf in leaves.values()]
        if devices:
            return next((device for device in devices if device.type != "cpu"), devices[0])
    return None


def to_device_of(model: Program, guide: Program, args: Sequence[Any]) -> tuple[Any, ...]:
    """The arguments of a pair, their tensors on the device where the pair lies."""
    home = device_of(model, guide, args)
    if home is None:
        return tuple(args)
    return pytree.tree_map_only(Tensor, lambda tensor: tensor.to(home), tuple(args))
