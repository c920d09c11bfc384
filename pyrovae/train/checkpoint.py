"""Load a checkpoint into a pair: parameters and buffers are matched by name."""

import os
from collections.abc import Iterable, Mapping
from typing import Any

import pyro
import torch
from torch import Tensor

from ..errors import CheckpointError
from ..particles.device import to_device_of
from ..particles.inventory import take_inventory
from ..particles.parts import plain_name
from ..particles.tracing import Program
from ..runtime.expanded import write
from ..runtime.plain_json import mismatch
from .checkpoint_file import prefixed, read_checkpoint, section


def load_checkpoint(
    path: str | os.PathLike[str],
    model: Program,
    guide: Program,
    *batch: Any,  # noqa: ANN401 (whatever the pair takes)
    strict: bool = True,
) -> dict[str, Any]:
    """Copy the parameters and buffers of a checkpoint into a pair.

    Everything is checked first: a pair is loaded whole or not at all. Nothing is unpickled.
    A parameter may be frozen in one and trained in the other.

    Args:
        path: A file that `fit` wrote, `last.safetensors` or `best.safetensors`.
        model: Pyro model, as it was trained.
        guide: Pyro guide likewise.
        batch: What the pair takes; it is run once, without side effects, to find its tensors.
        strict: False copies the parts ("encoder" of "encoder.layers.0.weight") that agree in all
            their names, shapes and dtypes, to begin with what another pair has learned.

    Returns:
        What the checkpoint says about itself: "epoch" (in progress, from 1), "batch" (done of
        that epoch), "step", "history", "best", "run", "versions" and more. Where it need not
        fit, also "kept": the parts that the pair kept as they were.

    Raises:
        CheckpointError: There is no such file, it is damaged or no checkpoint, or its names,
            shapes and dtypes are not those of the pair; or no part of it fits.
    """
    tensors, meta = read_checkpoint(path)
    with pyro.validation_enabled(False):  # a pair at NaN is loaded all the same
        inventory, _ = take_inventory(model, guide, to_device_of(model, guide, batch))
    leaves, buffers = inventory.leaves, inventory.buffers
    tensors = _by_kind_of_pair(tensors, leaves, buffers)
    if not strict:
        here = {**prefixed("parameters", leaves), **prefixed("buffers", buffers)}
        parts, kept = {_part(name) for name in here}, _differing_parts(here, tensors)
        if parts == kept:
            raise CheckpointError(
                f"{path} holds nothing of what the pair is made of ({', '.join(sorted(kept))}); "
                "name a run whose networks have the same names and sizes"
            )
        meta["kept"] = sorted(kept)
        tensors = {k: t if _part(k) in kept else tensors[k] for k, t in here.items()}
    copy_into(matched(path, tensors, leaves, buffers))
    return meta


def matched(
    path: str | os.PathLike[str],
    tensors: Mapping[str, Tensor],
    leaves: Mapping[str, Tensor],
    buffers: Mapping[str, Tensor],
) -> list[tuple[Tensor, Tensor]]:
    """Each tensor of the pair with its saved value.

    Raises:
        CheckpointError: Names, dtypes or shapes differ.
    """
    pairs, wrong = [], []
    for kind, here in (("parameters", leaves), ("buffers", buffers)):
        there = section(tensors, kind)
        wrong += _listed(f"{kind} that the checkpoint lacks", here.keys() - there.keys())
        wrong += _listed(f"{kind} that the pair lacks", there.keys() - here.keys())
        for name in here.keys() & there.keys():
            got, need = _dtype_and_shape(there[name]), _dtype_and_shape(here[name])
            other = mismatch(name, there[name], here[name])
            if other is not None:
                wrong.insert(0, other)  # the cause of further ones, such as other sizes
            elif got != need:
                wrong.append(f"'{name}' is {got} in the checkpoint and {need} in the pair")
            pairs.append((here[name], there[name]))
    if wrong:
        raise CheckpointError(
            f"{path} does not fit the pair: {'; '.join(wrong[:3])}{_more(wrong)}. Build the pair "
            "as it was trained, with the same networks under the same names"
        )
    return pairs


def _more(wrong: list[str]) -> str:
    return f"; and {len(wrong) - 3} more" if len(wrong) > 3 else ""


def _by_kind_of_pair(
    tensors: Mapping[str, Tensor], leaves: Mapping[str, Tensor], buffers: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """The tensors of a checkpoint, each under the kind that it has in the pair.

    A parameter that the pair has frozen is a buffer of it, and the other way round.
    """
    kinds = {"parameters": leaves, "buffers": buffers}
    plain = {plain_name(name): f"{kind}/{name}" for kind, names in kinds.items() for name in names}
    found = {}
    for key, tensor in tensors.items():
        kind, _, name = key.partition("/")
        is_elsewhere = kind in kinds and name not in kinds[kind]
        found[plain.get(plain_name(name), key) if is_elsewhere else key] = tensor
    return found


def _differing_parts(here: Mapping[str, Tensor], there: Mapping[str, Tensor]) -> set[str]:
    parts: dict[str, list[set[tuple[str, str]]]] = {}
    for side, tensors in enumerate((here, there)):
        for key, tensor in tensors.items():
            if key.startswith(("parameters/", "buffers/")):
                pair = parts.setdefault(_part(key), [set(), set()])
                pair[side].add((key, _dtype_and_shape(tensor)))
    described = {_part(k) for k in here if k in there and mismatch(k, there[k], here[k])}
    return {part for part, (own, other) in parts.items() if own and own != other} | described


def _part(key: str) -> str:
    """The part that a tensor belongs to: the encoder of `kind/encoder.layers.0.weight`."""
    return plain_name(key).partition("/")[2].partition(".")[0]


def copy_into(pairs: Iterable[tuple[Tensor, Tensor]]) -> None:
    """Write values into tensors in place."""
    with torch.no_grad():
        for target, value in pairs:
            write(target, value)


def _dtype_and_shape(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"


def _listed(what: str, names: Iterable[str]) -> list[str]:
    names = sorted(names)
    return [f"{what}: {', '.join(names)}"] if names else []
