"""`pyrovae compress RUN DATA FILE` and `pyrovae decompress RUN FILE OUT`: lossless coding."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from jsonargparse import Namespace
from torch import Tensor

from .. import apply
from ..apply.compression.array_files import open_rows
from ..data import Dataset, Split, rows
from ..errors import ConfigError
from .build import Setup
from .numbers import Count, CountOrNone, Seed
from .options import add_device, add_run
from .parser import Parser, make_parser
from .run_folder import checkpoint_of, parse_opening, restored

_ROLES = ("train", "val", "test")


def run_compress(words: Sequence[str]) -> None:
    """Code data with a trained run, and print sizes and rates."""
    parser = _parser("compress", "Compress data without loss by bits back with a trained run.",
        "RUN DATA FILE ")  # fmt: skip
    add = parser.add_argument
    add("source", metavar="DATA", type=str,
        help="A file of arrays of whole levels (.npy, .npz, ...), such as images; or train, val "
        "or test: that part of the data of the run.")  # fmt: skip
    add("file", metavar="FILE", type=str, help="The file to write, such as out.pv.")
    add("--columns", nargs="+", type=str, metavar="NAME",
        help="Arrays of DATA: the data, and what the pair takes besides; default: x.")  # fmt: skip
    add("--chunk", type=Count, default=apply.DEFAULT_CHUNK,
        help="Data that are coded together, and decoded by themselves.")  # fmt: skip
    add("--elbo-particles", type=CountOrNone, default=1,
        help="Particles per datum of the ELBO beside the rates; 0: none.")  # fmt: skip
    add("--verify", type=bool, default=True, help="Decode every chunk again, and compare.")
    add("--overwrite", action="store_true", help="Replace FILE.")
    config, named = parse_opening(parser, words)
    _check_free(config.file, config.overwrite)
    setup, run = restored(config, named)
    data = _data(setup.data, config.source)
    columns = config.columns if isinstance(data, Path) else None
    found = apply.compress_file(
        setup.pair.model,
        setup.pair.guide,
        data,
        config.file,
        overwrite=config.overwrite,
        num_particles=config.elbo_particles,
        shape=_shape(setup, data, columns),
        columns=columns,
        chunk=config.chunk,
        verify=config.verify,
        seed=config.seed,
    )
    names = ["best", "last"] if config.checkpoint == "auto" else [config.checkpoint]
    print(found.with_model_bytes(checkpoint_of(run, names).stat().st_size))
    print(config.file)


def run_decompress(words: Sequence[str]) -> None:
    """Decode a file with the run that coded it."""
    parser = _parser("decompress", "Decode what `pyrovae compress` wrote, with the same run.",
        "RUN FILE OUT ")  # fmt: skip
    add = parser.add_argument
    add("file", metavar="FILE", type=str, help="A file that `pyrovae compress` wrote.")
    add("out", metavar="OUT", type=str, help="The .npz or .npy file to write.")
    add("--rows", type=str, metavar="I:J", help="Only these rows, from I up to J - 1.")
    add("--given", type=str, metavar="DATA",
        help="What the pair takes besides the data, of all rows: a file, or test.")  # fmt: skip
    add("--columns", nargs="+", type=str, metavar="NAME",
        help="Arrays of --given; default: y.")  # fmt: skip
    add("--overwrite", action="store_true", help="Replace OUT.")
    config, named = parse_opening(parser, words)
    _check_free(config.out, config.overwrite)
    part = None if config.rows is None else _part(config.rows)
    setup, _ = restored(config, named)
    found = apply.decompress_file(
        setup.pair.model,
        setup.pair.guide,
        config.file,
        config.out,
        *_given(setup.data, config),
        part=part,
        overwrite=config.overwrite,
    )
    print(found)
    print(config.out)


def _parser(command: str, description: str, arguments: str) -> Parser:
    parser = make_parser(command, description, arguments)
    add_run(parser)
    parser.add_argument("--checkpoint", choices=["auto", "best", "last"], default="auto",
        help="Which parameters; auto: the best by validation where there is one.")  # fmt: skip
    parser.add_argument("--seed", type=Seed, default=0, help="Seed of the initial bits.")
    add_device(parser)
    return parser


def _check_free(path: str, overwrite: bool) -> None:
    """Refuse before anything is read or computed."""
    if Path(path).exists() and not overwrite:
        raise ConfigError(f"{path} is there; give another name, or --overwrite")


def _data(data: Dataset, name: str) -> Any:  # noqa: ANN401
    """A file, or a part of the data of the run; its levels take a byte where they fit into one."""
    if name not in _ROLES or Path(name).exists():
        return Path(name)
    split: Split = getattr(data, name)
    split = split.binarized(0) if split.dynamic else split
    x = _as_bytes(split.x)
    return {"x": x, "y": split.y} if split.with_labels and split.y is not None else x


def _as_bytes(x: Tensor) -> Any:  # noqa: ANN401
    is_whole = bool(((x >= 0) & (x <= 255) & (x == x.round())).all())
    return x.to(torch.uint8).cpu().numpy() if is_whole else x


def _shape(setup: Setup, data: Any, columns: list[str] | None) -> tuple[int, ...] | None:  # noqa: ANN401
    """The shape of the run's data, where it differs from that of a file by axes of length one."""
    found = open_rows(data, columns)[:1][0].shape[1:]
    own = setup.data.shape
    return own if _without_ones(found) == _without_ones(own) else None


def _without_ones(shape: Sequence[int]) -> list[int]:
    return [size for size in shape if size != 1]


def _given(data: Dataset, config: Namespace) -> tuple[Tensor, ...]:
    if config.given is None:
        return ()
    name = config.given
    if name in _ROLES and not Path(name).exists():
        y = getattr(data, name).y
        if y is None:
            raise ConfigError(f"--given {name}: the data of the run hold x alone; leave it out")
        return (y,)
    found = rows(Path(name), columns=config.columns or ["y"])
    return found[: len(found)]


def _part(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{1,18}):(\d{1,18})", text)
    if not found or int(found[1]) >= int(found[2]):
        raise ConfigError(f"--rows {text}: give two whole numbers I:J with I below J")
    return int(found[1]), int(found[2])
