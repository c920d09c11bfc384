"""Save a pair to a file, and fill a pair from one, without running it."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from ..errors import CheckpointError, ConfigError, ParameterError
from ..particles.param_store import put
from ..particles.tracing import Program
from ..runtime.fields import table
from .checkpoint import copy_into, load_checkpoint
from .checkpoint_file import read_checkpoint, section, write_checkpoint
from .pair_fit import few, fit_to_pair
from .pair_tensors import PairTensors, batch_of, pair_tensors, run_once
from .resume_checks import naming

KIND = "pair"


def save_pair(
    path: str | os.PathLike[str],
    model: Program,
    guide: Program,
    *,
    batch: Any = None,  # noqa: ANN401
    overwrite: bool = False,
) -> None:
    """See `pyrovae.save`."""
    path = Path(path)
    if path.is_dir():
        raise ConfigError(f"save: {path} is a folder; name a file, such as {path / 'pair'}"
                          ".safetensors")  # fmt: skip
    if os.path.lexists(path) and not overwrite:
        raise ConfigError(
            f"save: {path} exists; pass overwrite=True to replace it, or name another file"
        )
    inventory = None if batch is None else run_once(model, guide, batch)
    here = pair_tensors(model, guide, inventory)
    _check_ready("save", here)
    tensors = here.by_place
    if here.in_doubt:
        raise ParameterError(
            f"save: the pair computes names of its `pyro.param` statements, and Pyro's store holds "
            f"{few(here.in_doubt)}, which may be the pair's or another's; give a batch, such as "
            "batch=(x,), so that one run of the pair tells"
        )
    if not tensors:
        raise ParameterError(
            "save: the pair holds no network, and Pyro's store holds none of its `pyro.param` "
            "values; run the pair once before, or let save do it: save(path, model, guide, "
            "batch=(x,))"
        )
    said = {"constraints": here.constraints, "absent": here.undeclared}
    if dist.is_initialized() and dist.get_rank() > 0:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CheckpointError(
            f"{path}: its folder cannot be made ({error.strerror or error}); name another place"
        ) from error
    write_checkpoint(path, tensors, {"kind": KIND, "pair": said})


def fill_pair(
    path: str | os.PathLike[str],
    model: Program,
    guide: Program,
    *,
    batch: Any = None,  # noqa: ANN401
    device: torch.device | str | None = None,
) -> dict[str, Any]:
    """Give a pair the tensors of a file of `save_pair` or of a checkpoint; all of them or none.

    Args:
        path: The file.
        model: Pyro model, made as the one that was saved.
        guide: Pyro guide likewise.
        batch: What the pair takes, with which it is then run once; for what only a run finds.
        device: Where values of `pyro.param` go that Pyro's store lacks; by default where the
            networks of the pair are, else the CPU.

    Returns:
        What the file says about itself.

    Raises:
        CheckpointError: There is no such file, it is damaged, or it does not fit the pair.
    """
    tensors, meta = read_checkpoint(path)
    is_pair = meta.get("kind") == KIND
    if batch is not None and not is_pair:
        load_checkpoint(path, model, guide, *batch_of(batch))
        return meta
    here = pair_tensors(model, guide, None if batch is None else run_once(model, guide, batch))
    _check_ready(f"{path} cannot be loaded", here, CheckpointError)
    with naming(Path(path), "cannot be loaded"):
        said = table(meta, "pair") if is_pair or "pair" in meta else {}
        if not is_pair:
            tensors = _by_place(tensors, table(said, "places") if said else {})
        fit = fit_to_pair(path, tensors, said, here, device)
    copy_into(fit.copies)
    for name, (leaf, constraint) in fit.new.items():
        put(name, leaf, constraint)
    return meta


def _by_place(tensors: Mapping[str, Tensor], places: Mapping[str, Any]) -> dict[str, Tensor]:
    """The tensors of the pair in a checkpoint, by their places."""
    kept = {
        f"{kind}/{name}": tensor
        for kind in ("parameters", "buffers")
        for name, tensor in section(tensors, kind).items()
    }
    return {str(places.get(key, f"run/{key}")): tensor for key, tensor in kept.items()}


def _check_ready(where: str, here: PairTensors, error: type[Exception] = ParameterError) -> None:
    if here.held.unready:
        raise error(
            f"{where}: {few(here.held.unready, quoted=False)} has no tensors before the first "
            "run; run the pair once before, or give a batch, such as batch=(x,)"
        )
