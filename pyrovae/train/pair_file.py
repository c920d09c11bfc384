"""Save a pair to a file, and fill a pair from one, without running it."""

import os
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast, overload

import torch
import torch.distributed as dist
from torch import Tensor

from ..errors import CheckpointError, ConfigError, ParameterError
from ..particles.held_tensors import held_tensors
from ..particles.pair import HasPair, is_program, programs_of
from ..particles.param_store import put
from ..particles.tracing import Program
from ..runtime.fields import table
from .checkpoint import copy_into, load_checkpoint
from .checkpoint_file import read_checkpoint, section, write_checkpoint
from .pair_fit import few, fit_to_pair
from .pair_tensors import PairTensors, batch_of, pair_tensors, run_once
from .resume_checks import check_kind, naming

KIND = "pair"


@overload
def save(
    path: str | os.PathLike[str],
    pair: HasPair,
    /,
    *,
    batch: Any = None,  # noqa: ANN401
    overwrite: bool = False,
) -> None: ...


@overload
def save(
    path: str | os.PathLike[str],
    model: Program,
    guide: Program,
    *,
    batch: Any = None,  # noqa: ANN401
    overwrite: bool = False,
) -> None: ...


def save(
    path: str | os.PathLike[str],
    model: Program | HasPair,
    guide: Program | None = None,
    *,
    batch: Any = None,  # noqa: ANN401
    overwrite: bool = False,
) -> None:
    """Save the parameters and buffers of a pair, by name, to one safetensors file.

    `pyrovae.load(path, pair)` brings them back, bit for bit. The pair is not run: the networks
    that it holds are found (see `held_networks`), and of Pyro's store the values whose
    `pyro.param` statements its code has. Of several ranks the first writes.

    Args:
        path: The file. Its folder is made where it is missing.
        model: Pyro model; or an object with `model` and `guide`.
        guide: Pyro guide.
        batch: What the pair takes, such as `(x,)`: the pair is run once to find its tensors. It
            takes that where names of `pyro.param` are computed, or networks are made or imported
            while the pair runs; and before the first run of an automatic guide or a lazy layer.
        overwrite: Replace an existing file.

    Raises:
        ConfigError: The file exists, or is a folder.
        ParameterError: No tensor is found, or not all are.
        CheckpointError: The file cannot be written.

    Example:
        >>> import tempfile
        >>> from pyrovae.data import LinearGaussian
        >>> pair = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save(f"{folder}/pair.safetensors", pair)
    """
    if not isinstance(path, str | os.PathLike):
        raise ConfigError(
            f"save: the first argument is of type {type(path).__name__}, and no path; the path "
            "comes first, save(path, model, guide) or save(path, pair)"
        )
    programs, _ = programs_in("save", model, guide)
    path = Path(path)
    if path.is_dir():
        raise ConfigError(f"save: {path} is a folder; name a file in it")
    if os.path.lexists(path) and not overwrite:
        raise ConfigError(
            f"save: {path} exists; pass overwrite=True to replace it, or name another file"
        )
    here = _found("save", *programs, batch, ParameterError)
    tensors = here.by_place
    if here.in_doubt:
        raise ParameterError(
            "save: the pair computes names of its `pyro.param` statements, and Pyro's store "
            f"holds {few(here.in_doubt)}, which may be the pair's or another's; give a batch, "
            "such as batch=(x,), so that one run of the pair tells"
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
    kind: str | None = None,
) -> dict[str, Any]:
    """Give a pair the tensors of a file of `save` or of a checkpoint; all of them or none.

    Args:
        path: The file.
        model: Pyro model, made as the one that was saved.
        guide: Pyro guide likewise.
        batch: What the pair takes, with which it is then run once; for what only a run finds.
        device: Where values of `pyro.param` go that Pyro's store lacks; by default where the
            networks of the pair are, else the CPU.
        kind: What the file must say it is: "best" or "last" of a run, or a pair.

    Returns:
        What the file says about itself.

    Raises:
        CheckpointError: There is no such file, it is damaged, or it does not fit the pair.
    """
    tensors, meta = read_checkpoint(path)
    if kind is not None:
        check_kind(Path(path), kind, meta)
    is_pair = meta.get("kind") == KIND
    if batch is not None and not is_pair:
        load_checkpoint(path, model, guide, *batch_of(batch))
        return meta
    here = _found(f"{path} cannot be loaded", model, guide, batch, CheckpointError)
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


def _found(
    where: str,
    model: Program,
    guide: Program,
    batch: Any,  # noqa: ANN401
    error: type[Exception],
) -> PairTensors:
    """The tensors of a pair, which is run once where there is a batch.

    Raises:
        error: A part of the pair has no tensors yet.
    """
    held = held_tensors(model, guide)
    if held.lazy:
        raise error(
            f"{where}: {few(held.lazy, quoted=False)} has no shape before the network was called; "
            "call it once before"
        )
    if held.unready and batch is None:
        raise error(
            f"{where}: {few(held.unready, quoted=False)} has no tensors before its first run; run "
            "the pair once before, or give a batch, such as batch=(x,)"
        )
    return pair_tensors(model, guide, None if batch is None else run_once(model, guide, batch))


def programs_in(
    where: str, given: object, guide: Program | None
) -> tuple[tuple[Program, Program], Any]:
    """Model and guide, and the object that has both.

    Args:
        where: The function that they were given to, for messages.
        given: A model, or an object with `model` and `guide`.
        guide: A guide, where `given` is a model.

    Raises:
        ConfigError: They are no pair.
    """
    if guide is None:
        return programs_of(given, where), given
    if not (is_program(given) and is_program(guide)):
        wrong = guide if is_program(given) else given
        raise ConfigError(
            f"{where}: a {type(wrong).__name__} is no model and no guide, which are called; give "
            f"{where}(path, model, guide), or an object that has both"
        )
    return (cast(Program, given), guide), SimpleNamespace(model=given, guide=guide)
