"""Checkpoints: one file of tensors by name with plain JSON beside them, written atomically."""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from reprlib import repr as short
from typing import Any

import pyro
import safetensors
import torch
from safetensors.torch import save
from torch import Tensor

from ..errors import CheckpointError
from ..particles.device import to_device_of
from ..particles.parameters import buffers, trainable
from ..particles.tracing import Program
from ..runtime.files import write_whole

FORMAT, VERSION = "pyrovae-checkpoint", 2


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
    with pyro.validation_enabled(False):  # the pair may have come to NaN: load all the same
        batch = to_device_of(model, guide, batch)
        leaves, constants = trainable(model, guide, *batch), buffers(model, guide, *batch)
    tensors = _as_here(tensors, leaves, constants)
    if not strict:
        here = {**prefixed("parameters", leaves), **prefixed("buffers", constants)}
        parts, kept = {_part(name) for name in here}, _differing_parts(here, tensors)
        if parts == kept:
            raise CheckpointError(
                f"{path} holds nothing of what the pair is made of ({', '.join(sorted(kept))}); "
                "name a run whose networks have the same names and sizes"
            )
        meta["kept"] = sorted(kept)
        tensors = {k: t if _part(k) in kept else tensors[k] for k, t in here.items()}
    copies = matched(path, tensors, leaves, constants)
    copy_into(copies)
    return meta


def write_checkpoint(path: Path, tensors: Mapping[str, Tensor], meta: Mapping[str, Any]) -> None:
    """Write a checkpoint so that at any moment the path holds the old one or the new one, whole.

    Its digest covers all that it holds: values, names, dtypes, shapes, and what stands beside
    them. That tells damage, and says nothing of who wrote the file: whoever means to deceive
    writes a digest that fits, and so what is read is checked against its place all the same.

    Raises:
        CheckpointError: The file cannot be written.
    """
    # Copies, because safetensors takes neither shared nor strided memory.
    held = {
        name: tensor.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
        for name, tensor in tensors.items()
    }
    header = {
        "format": FORMAT,
        "version": str(VERSION),
        "json": json.dumps({**meta, "versions": _versions()}),
    }
    header["digest"] = _digest(header, held)
    try:
        write_whole(path, save(held, metadata=header))
    except OSError as error:
        raise CheckpointError(
            f"{path}: the checkpoint cannot be written ({error.strerror or error}); make room, or "
            "choose another run_dir"
        ) from error


def read_checkpoint(path: str | os.PathLike[str]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors by name, on the CPU, and what stands beside them.

    Raises:
        CheckpointError: There is no such file, it is damaged, or it is no checkpoint.
    """
    try:
        is_file = Path(path).is_file()
    except OSError:  # too long a name
        is_file = False
    if not is_file:
        raise CheckpointError(
            f"{path}: no such file; name a checkpoint that `fit` wrote into its run_dir, "
            "last.safetensors or best.safetensors"
        )
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            _check_header(path, header)
            # Clones, because what is read stays a view of the file.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    except safetensors.SafetensorError as error:
        raise CheckpointError(
            f"{path}: damaged, or no safetensors file ({error}); use another checkpoint of the run"
        ) from error
    except OSError as error:
        raise CheckpointError(
            f"{path}: cannot be read ({error.strerror or error}); use another checkpoint"
        ) from error
    if header.get("digest") != _digest(header, tensors):
        raise CheckpointError(
            f"{path}: damaged, its content does not have the checksum that was written with it; "
            "use another checkpoint of the run"
        )
    return tensors, _plain_values(path, header.get("json", ""))


def run_of(path: Path) -> str | None:
    """The run that a checkpoint says to be of, unchecked; None where it does not say."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            said = json.loads((file.metadata() or {}).get("json", ""))
    except (safetensors.SafetensorError, OSError, ValueError, RecursionError):
        return None
    run = said.get("id") if isinstance(said, dict) else None
    return run if isinstance(run, str) else None


def _check_header(path: str | os.PathLike[str], header: Mapping[str, str]) -> None:
    if header.get("format") != FORMAT:
        raise CheckpointError(
            f"{path}: a safetensors file, but no checkpoint of this library; name "
            "last.safetensors or best.safetensors of a run_dir"
        )
    if header.get("version") != str(VERSION):
        raise CheckpointError(
            f"{path}: a checkpoint of format version {short(header.get('version'))}, this library "
            f"reads version {VERSION}; open it with the library that wrote it, or train anew"
        )


def _plain_values(path: str | os.PathLike[str], text: str) -> dict[str, Any]:
    try:
        meta = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(
            f"{path}: what stands beside its tensors is no JSON ({type(error).__name__}); use "
            "another checkpoint of the run"
        ) from error
    if not isinstance(meta, dict):
        raise CheckpointError(
            f"{path}: what stands beside its tensors is {short(meta)}, no object; use another "
            "checkpoint of the run"
        )
    return meta


def section(tensors: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """Tensors of one section of a checkpoint, by their name in it."""
    prefix = f"{name}/"
    return {k.removeprefix(prefix): t for k, t in tensors.items() if k.startswith(prefix)}


def prefixed(name: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The opposite of `section`."""
    return {f"{name}/{k}": t for k, t in tensors.items()}


def matched(
    path: str | os.PathLike[str],
    tensors: Mapping[str, Tensor],
    leaves: Mapping[str, Tensor],
    constants: Mapping[str, Tensor],
) -> list[tuple[Tensor, Tensor]]:
    """Pairs (tensor of the pair, its saved value), where all of them fit; else an error."""
    pairs, wrong = [], []
    for kind, here in (("parameters", leaves), ("buffers", constants)):
        there = section(tensors, kind)
        wrong += _listed(f"{kind} that the checkpoint lacks", here.keys() - there.keys())
        wrong += _listed(f"{kind} that the pair lacks", there.keys() - here.keys())
        for name in here.keys() & there.keys():
            got, need = _facts(there[name]), _facts(here[name])
            if got != need:
                wrong.append(f"'{name}' is {got} in the checkpoint and {need} in the pair")
            pairs.append((here[name], there[name]))
    if wrong:
        raise CheckpointError(
            f"{path} does not fit the pair: {'; '.join(wrong)}. Build the pair as it was trained, "
            "with the same networks under the same names"
        )
    return pairs


def _as_here(
    tensors: Mapping[str, Tensor], leaves: Mapping[str, Tensor], constants: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """The tensors of a checkpoint, with what the pair has frozen, or trains, under that kind."""
    kinds = {"parameters": leaves, "buffers": constants}
    plain = {_plain(name): f"{kind}/{name}" for kind, names in kinds.items() for name in names}
    found = {}
    for key, tensor in tensors.items():
        kind, _, name = key.partition("/")
        is_elsewhere = kind in kinds and name not in kinds[kind]
        found[plain.get(_plain(name), key) if is_elsewhere else key] = tensor
    return found


def _differing_parts(here: Mapping[str, Tensor], there: Mapping[str, Tensor]) -> set[str]:
    parts: dict[str, list[set[tuple[str, str]]]] = {}
    for side, tensors in enumerate((here, there)):
        for key, tensor in tensors.items():
            if key.startswith(("parameters/", "buffers/")):
                pair = parts.setdefault(_part(key), [set(), set()])
                pair[side].add((key, _facts(tensor)))
    return {part for part, (own, other) in parts.items() if own and own != other}


def _part(key: str) -> str:
    """What a parameter belongs to: `kind/encoder.layers.0.weight` to the encoder."""
    return _plain(key).partition("/")[2].partition(".")[0]


def _plain(name: str) -> str:
    """A parameter's name as modules write it; Pyro sets off that of a module by `$$$`."""
    return name.replace("$$$", ".")


def copy_into(pairs: Iterable[tuple[Tensor, Tensor]]) -> None:
    """Write values into tensors in place."""
    with torch.no_grad():
        for target, value in pairs:
            target.copy_(value)


def _digest(header: Mapping[str, str], tensors: Mapping[str, Tensor]) -> str:
    """Of everything that a file holds, in whatever order it lies there."""
    names = sorted(tensors)
    said = {key: value for key, value in header.items() if key != "digest"}
    kinds = [[name, str(tensors[name].dtype), list(tensors[name].shape)] for name in names]
    digest = hashlib.blake2b(json.dumps([said, kinds], sort_keys=True).encode(), digest_size=32)
    for name in names:
        digest.update(tensors[name].reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _facts(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"


def _listed(what: str, names: Iterable[str]) -> list[str]:
    names = sorted(names)
    return [f"{what}: {', '.join(names)}"] if names else []


def _versions() -> dict[str, str]:
    try:
        own = version("pyrovae")
    except PackageNotFoundError:  # run from a source tree
        own = "unknown"
    return {"torch": torch.__version__, "pyro": pyro.__version__, "pyrovae": own}
