"""One file of tensors by name with plain JSON beside them, written atomically."""

import hashlib
import json
import os
from collections.abc import Mapping
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
from ..runtime.files import write_whole

FORMAT, VERSION = "pyrovae-checkpoint", 2


def write_checkpoint(path: Path, tensors: Mapping[str, Tensor], meta: Mapping[str, Any]) -> None:
    """Write a checkpoint so that at any moment the path holds the old one or the new one, whole.

    A digest covers all of it: values, names, dtypes, shapes and the JSON. It tells damage, not
    who wrote the file: a forger computes a digest that fits. So the reader checks every value
    against the place where it goes.

    Raises:
        CheckpointError: The file cannot be written.
    """
    # Copied, because safetensors takes neither shared nor strided memory.
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
            "choose another place"
        ) from error


def read_checkpoint(path: str | os.PathLike[str]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors by name, on the CPU, and the JSON beside them.

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
            "last.safetensors or best.safetensors, or a file that `pyrovae.save` wrote"
        )
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            _check_header(path, header)
            # Cloned, because safetensors gives views of the file.
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


def run_id_of(path: Path) -> str | None:
    """The id of the run that a checkpoint claims to be of, unchecked; None without a claim."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            said = json.loads((file.metadata() or {}).get("json", ""))
    except (safetensors.SafetensorError, OSError, ValueError, RecursionError):
        return None
    run = said.get("id") if isinstance(said, dict) else None
    return run if isinstance(run, str) else None


def prefixed(name: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors under the name of a section."""
    return {f"{name}/{k}": t for k, t in tensors.items()}


def section(tensors: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """The opposite of `prefixed`: tensors of one section, by their names in it."""
    prefix = f"{name}/"
    return {k.removeprefix(prefix): t for k, t in tensors.items() if k.startswith(prefix)}


def _check_header(path: str | os.PathLike[str], header: Mapping[str, str]) -> None:
    if header.get("format") != FORMAT:
        raise CheckpointError(
            f"{path}: a safetensors file, but no checkpoint of this library; name "
            "last.safetensors or best.safetensors of a run_dir, or a file of `pyrovae.save`"
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
            f"{path}: the text beside its tensors is no JSON ({type(error).__name__}); use "
            "another checkpoint of the run"
        ) from error
    if not isinstance(meta, dict):
        raise CheckpointError(
            f"{path}: the JSON beside its tensors is {short(meta)}, no object; use another "
            "checkpoint of the run"
        )
    return meta


def _digest(header: Mapping[str, str], tensors: Mapping[str, Tensor]) -> str:
    """Digest of all that a file holds, in whatever order it is stored."""
    names = sorted(tensors)
    said = {key: value for key, value in header.items() if key != "digest"}
    kinds = [[name, str(tensors[name].dtype), list(tensors[name].shape)] for name in names]
    digest = hashlib.blake2b(json.dumps([said, kinds], sort_keys=True).encode(), digest_size=32)
    for name in names:
        digest.update(tensors[name].reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _versions() -> dict[str, str]:
    try:
        own = version("pyrovae")
    except PackageNotFoundError:  # run from a source tree
        own = "unknown"
    return {"torch": torch.__version__, "pyro": pyro.__version__, "pyrovae": own}
