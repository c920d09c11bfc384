"""`pyrovae check FILE`: look for mistakes in a pair before it is trained."""

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from ..data.base import pick_device
from ..errors import ConfigError
from ..linter import check, codes_table
from ..particles.pair import programs_of
from ..reporting.batches import batch_of
from .arguments import supplied
from .build import build_data
from .calls import takes_y
from .config import parse, parse_plain
from .fit_options import add_data
from .numbers import Count, Seed
from .options import add_device
from .parser import USUAL, Parser, make_parser
from .run_files import CONFIG
from .run_folder import restore
from .user_code import forget_file, load_file

_PAIRS, _DATA = ("pair", "vae"), ("x", "data", "batch")
_ROWS = 64


def run_check(words: Sequence[str]) -> None:
    """Print what is found, and exit with 1 where there is a fault."""
    if "--codes" in words:
        print(codes_table())
        return
    parser = _parser()
    with_data = any(word.partition("=")[0].partition(".")[0] == "--data" for word in words)
    config = parse(parser, words, only=["data"]) if with_data else parse_plain(parser, words)
    torch.manual_seed(config.seed)
    pair, batch = _pair_and_batch(parser, config, with_data)
    found = check(
        *programs_of(pair, f"check {config.file}"),
        *batch,
        ignore=tuple(config.ignore or ()),
        objectives=not config.quick,
        capture=not config.quick,
    )
    print(found)
    if config.json:
        found.to_json(config.json)
    if found.faults or (config.strict and found.warnings):
        raise SystemExit(1)


def _parser() -> Parser:
    parser = make_parser(
        "check",
        "examples:\n"
        "  pyrovae check mine.py\n"
        "  pyrovae check mine.py:MyVAE --data images.npz\n"
        "  pyrovae check mine.py --shape 1,28,28 --strict\n"
        "  pyrovae check runs/mnist\n\n"
        "Runs a model and a guide a few times on a few data, and says what is wrong, site by "
        "site: each finding has a code, a sentence, a remedy and the line of the program. Nothing "
        "is trained or written. The file is run, as Python would run it: check only what you "
        "would run.\n\n"
        "The pair is what is named after a colon (an object, or a class or function that makes "
        "it), else the functions `model` and `guide` of the file, else its object `pair` or "
        "`vae`, else the one object or class in it that has a model and a guide. The data are "
        "those of --data, else what is called `x`, `data` or `batch` in the file (a tensor, a "
        "tuple of arguments, or a function that gives one), else zeros and ones of the --shape."
        "\n\n"
        "The exit status is 1 where there is a fault, 2 where nothing could be checked, else 0.",
        arguments="FILE[:NAME] | RUN ",
    )
    parser.add_argument(
        "file", metavar="FILE", type=str, help="A Python file, or a folder that `fit` wrote."
    )
    group = parser.add_argument_group("the check", name=USUAL)
    add = group.add_argument
    add("--shape", type=str, metavar="1,28,28",
        help="Shape of one datum: check on zeros and ones, where there are no data.")  # fmt: skip
    add("--limit", type=Count, metavar="N",
        help=f"Look at the first so many data; without it at {_ROWS}, or all where the pair takes "
        "that number only.")  # fmt: skip
    add("--ignore", nargs="+", type=str, metavar="CODE",
        help="Codes that are not reported; PV2 ignores all that begin so.")  # fmt: skip
    add("--strict", action="store_true", help="Exit with 1 for warnings, too.")
    add("--quick", action="store_true",
        help="Do not try the objectives, nor to capture the step.")  # fmt: skip
    add("--codes", action="store_true", help="List all codes, and check nothing.")
    add("--json", type=str, metavar="FILE", help="Write what was found there, too.")
    add("--seed", type=Seed, default=0, metavar="N", help="Seed of data that are made up.")
    add_device(group)
    add_data(parser)
    return parser


def _pair_and_batch(parser: Parser, config: Any, with_data: bool) -> tuple[Any, tuple[Any, ...]]:  # noqa: ANN401
    if (Path(config.file) / CONFIG).is_file():
        setup = restore(Path(config.file), "auto", config.device)
        return setup.pair, batch_of(setup.data.train, config.limit or _ROWS)
    if config.device is not None and pick_device(config.device).type != "cpu":
        raise ConfigError(
            f"check {config.file} --device {config.device}: a file puts its pair and data on a "
            "device itself; leave the option out"
        )
    file, _, attribute = config.file.rpartition(":")
    if not file.endswith(".py"):
        file, attribute = config.file, ""
    forget_file(config.file)
    module = load_file("check", Path(file))
    shape = _shape(config.shape)
    data = None
    if with_data:
        data = build_data(parser, config, _AnyPair)
        shape = tuple(data.shape)
    batch = () if data is not None else _batch_in(module, shape, config.limit)
    if shape is None and batch and isinstance(batch[0], Tensor):
        shape = tuple(batch[0].shape[1:])
    pair = _pair_in(module, attribute, shape, config.file, {} if data is None else data.supplies)
    if data is not None:
        data = data.labelled() if takes_y(pair, config.file, config) else data
        split = data.train.binarized(0) if data.train.dynamic else data.train
        batch = batch_of(split, config.limit or _ROWS)
    if not batch:
        raise ConfigError(
            f"check {config.file}: there are no data; name them with --data, write a tensor `x` "
            "into the file, or give the shape of one datum, as in --shape 1,28,28"
        )
    return pair, batch


def _pair_in(
    module: ModuleType,
    name: str,
    shape: Any,  # noqa: ANN401
    file: str,
    supplies: Mapping[str, Any],
) -> Any:  # noqa: ANN401
    """The pair in a file: the one named, or by the conventions that the help describes."""
    content = vars(module)
    if name:
        if name not in content:
            raise ConfigError(f"check {file}: the file defines no '{name}'; correct the name")
        return _made(content[name], shape, file, name, supplies)
    if callable(content.get("model")) and callable(content.get("guide")):
        return module
    for usual in _PAIRS:
        if usual in content:
            return _made(content[usual], shape, file, usual, supplies)
    own = {n: c for n, c in content.items() if getattr(c, "__module__", None) == module.__name__}
    objects = {n: c for n, c in content.items() if not inspect.isclass(c) and _has_both(c)}
    classes = {n: c for n, c in own.items() if inspect.isclass(c) and _has_both(c)}
    for found in (objects, classes):
        if len(found) == 1:
            (usual, thing) = next(iter(found.items()))
            return _made(thing, shape, file, usual, supplies)
    several = [*objects, *classes]
    half = [role for role in ("model", "guide") if callable(content.get(role))]
    which = "it has no such thing"
    if several:
        which = f"it has {', '.join(several)}"
    elif half:
        which = f"it has a `{half[0]}` and no `{'guide' if half == ['model'] else 'model'}`"
    raise ConfigError(
        f"check {file}: the pair is not clear; define functions `model` and `guide`, or an object "
        f"`pair` that has both, or name one as in {Path(file).name}:NAME ({which})"
    )


def _made(
    found: Any,  # noqa: ANN401
    shape: Any,  # noqa: ANN401
    file: str,
    name: str,
    supplies: Mapping[str, Any],
) -> Any:  # noqa: ANN401
    """An object with model and guide: itself, or what a class or function gives."""
    if not inspect.isclass(found) and _has_both(found):
        return found
    if not (inspect.isclass(found) or inspect.isfunction(found)):
        raise ConfigError(f"check {file}: '{name}' has no model and guide; name what has both")
    known = dict(supplies) if shape is None else {**supplies, "data_shape": shape}
    given = {each: known[each] for each in supplied(found) if each in known}
    try:
        inspect.signature(found).bind(**given)
    except TypeError as error:
        raise ConfigError(
            f"check {file}: {name} cannot be made without arguments ({error}); make an object in "
            "the file, as in `pair = " + name + "(...)`"
        ) from error
    return found(**given)


def _has_both(thing: Any) -> bool:  # noqa: ANN401
    return all(callable(getattr(thing, program, None)) for program in ("model", "guide"))


def _batch_in(module: ModuleType, shape: Any, limit: int | None) -> tuple[Any, ...]:  # noqa: ANN401
    """The batch in a file, or one of a shape; () where there is none."""
    if shape is not None:
        return (torch.randint(0, 2, (limit or _ROWS, *shape)).to(torch.get_default_dtype()),)
    for name in _DATA:
        found = vars(module).get(name)
        if inspect.isfunction(found):
            found = found() if _needs_nothing(found) else None
        if found is None or inspect.ismodule(found):
            continue
        batch = tuple(found) if isinstance(found, tuple | list) else (found,)
        return batch if limit is None else _first(batch, limit)
    return ()


def _needs_nothing(function: Any) -> bool:  # noqa: ANN401
    try:
        inspect.signature(function).bind()
    except TypeError:
        return False
    return True


def _first(batch: tuple[Any, ...], limit: int) -> tuple[Any, ...]:
    """The first rows of the tensors in a batch that have a row for each datum."""
    sizes = {len(arg) for arg in batch[:1] if isinstance(arg, Tensor) and arg.dim()}
    return tuple(
        arg[:limit] if isinstance(arg, Tensor) and arg.dim() and len(arg) in sizes else arg
        for arg in batch
    )


def _shape(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    parts = text.replace("x", ",").strip("()[] ").split(",")
    if not all(part.strip().isdigit() and int(part) > 0 for part in parts):
        raise ConfigError(f"--shape {text}: give whole numbers above 0, as in 1,28,28")
    return tuple(int(part) for part in parts)


class _AnyPair:
    """Stands for a pair that is made after its data."""

    @staticmethod
    def model(*args: Any) -> None:  # noqa: ANN401
        """Takes whatever the batches hold."""

    guide = model
