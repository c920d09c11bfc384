"""What identifies a run: its seed, its data and its objective."""

import inspect
import re
from collections.abc import Mapping, Sequence
from reprlib import repr as short
from typing import Any

from pyro.infer import ELBO as PyroELBO
from torch import Tensor, nn

from ..data.minibatches import Minibatches
from ..errors import CheckpointError

FIRST_BATCH = "first_batch"
_NOT_OPTIONS = {"self", "max_plate_nesting"}  # Pyro's objectives set the nesting themselves
_PLAIN = (bool, int, float, str, type(None))


def identity_of(
    seed: int | None,
    source: Minibatches,
    first: Sequence[Tensor],
    objective: PyroELBO,
    recognised: Any,  # noqa: ANN401
) -> dict[str, Any]:
    """Plain values by name, which a run and its resumption must share.

    Args:
        seed: Of the run.
        source: Its data.
        first: Its first batch.
        objective: As the user gave it.
        recognised: What its first batch is recognised by: see `read_first`.
    """
    kinds = [f"{str(t.dtype).removeprefix('torch.')} {list(t.shape[1:])}" for t in first]
    checksum = source.checksum()
    if checksum is not None:
        kinds.append(f"checksum {checksum:08x}")
    return {
        "seed": None if seed is None else int(seed),
        "num_data": source.num_data,
        "batches_per_epoch": len(source),
        "batch_size": len(first[0]),
        "data": ", ".join(kinds),
        "objective": describe(objective),
        FIRST_BATCH: recognised,
    }


def data_shape_of(identity: Mapping[str, Any]) -> tuple[int, ...]:
    """The shape of one datum in a run: of the first tensor of its batches, without their rows.

    Args:
        identity: Of the run, as a checkpoint holds it.

    Raises:
        CheckpointError: It names no shape.
    """
    found = re.match(r"\w+ \[([\d, ]*)\]", str(identity.get("data")))
    if found is None:
        raise CheckpointError(f"its 'data' is {short(identity.get('data'))} and names no shape")
    return tuple(int(size) for size in found[1].split(",") if size.strip())


def describe(value: Any) -> str:  # noqa: ANN401
    """A value in words; an objective with the options of its constructor.

    A tensor is described by its shape alone, because callbacks may write into it.
    """
    if isinstance(value, _PLAIN):
        return repr(value)
    if isinstance(value, Tensor):
        return f"tensor {list(value.shape)}"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{name}: {describe(held)}' for name, held in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(describe, value))}]"
    if not isinstance(value, PyroELBO) or isinstance(value, nn.Module):
        return str(getattr(value, "__name__", type(value).__name__))
    names = inspect.signature(type(value).__init__).parameters.keys() - _NOT_OPTIONS
    names |= {"num_particles"}  # where the constructor takes any arguments
    options = {name: getattr(value, name) for name in sorted(names) if hasattr(value, name)}
    words = ", ".join(f"{name}={describe(option)}" for name, option in options.items())
    return f"{type(value).__name__}({words})"
