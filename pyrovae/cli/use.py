"""`pyrovae USE RUN`: the uses of `pyrovae.apply` on a trained run, each with its own options."""

import inspect
import json
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from types import NoneType
from typing import Any, Union

import numpy as np
from docstring_parser import parse

from .. import apply
from ..data import Split
from ..data.base import pick_device
from ..errors import ConfigError
from ..evaluate import SweepOptions
from ..reporting import save_figure
from ..runtime.files import save
from ..runtime.result import Result
from .kinds import asked_by, members
from .numbers import Count
from .options import add_held_out, make_run_parser
from .parser import Parser
from .run_folder import parse_opening, restored

_FROM_THE_RUN = ("model", "guide", "x", "train", "val")
"""Arguments of a use that the run supplies: its pair, and the splits of its data."""


def run_use(name: str, words: Sequence[str]) -> None:
    """Apply a trained run, and print and save what is found."""
    use = getattr(apply, name.replace("-", "_"))
    told = parse((use.__doc__ or "").partition("\n    Raises:")[0])  # the rest may be prose
    parser = make_run_parser(name, f"{told.short_description}\n\n{told.long_description or ''}")
    if _is_of_training(use):
        parser.add_argument("--limit", type=Count, help="Only the first so many training data.")
    else:
        add_held_out(parser)
    _add_options(parser, use, {p.arg_name: p.description or "" for p in told.params})
    parser.add_argument("--out", type=str, metavar="NAME",
        help=f"Where NAME.json, NAME.npz and NAME.png go; default: RUN/{name}.")  # fmt: skip
    config, named = parse_opening(parser, words)
    setup, run = restored(config, named)
    device = pick_device(config.device)
    splits = {role: _drawn(getattr(setup.data, role)).to(device) for role in ("train", "val")}
    parameters = inspect.signature(use).parameters
    role = "train" if _is_of_training(use) else config.split
    x = _drawn(getattr(setup.data, role).subset(config.limit or 2**62)).to(device)
    given = {option: config[option] for option in _options(use)}
    given |= {name: split for name, split in splits.items() if name in list(parameters)[3:]}
    given |= {"seed": config.seed, "progress": None}
    found = use(
        setup.pair.model,
        setup.pair.guide,
        x,
        **{option: value for option, value in given.items() if option in parameters},
    )
    try:
        print(found)
    finally:  # also where the reader of the output has gone
        write_result(found, Path(config.out) if config.out else run / name)


def write_result(found: Result, out: Path) -> None:
    """Write NAME.json, NAME.npz and NAME.png, as far as there is something in them.

    Raises:
        ConfigError: The name has an ending.
        SaveError: A file cannot be written.
    """
    if out.suffix in (".json", ".npz", ".png"):
        raise ConfigError(
            f"--out {out}: give the name without {out.suffix}; each file gets its own"
        )
    written = [Path(f"{out}.json")]
    save(written[0], json.dumps(found.numbers(), indent=2) + "\n")
    arrays: Any = {name: made.cpu().numpy() for name, made in found.arrays().items()}
    if arrays:
        content = BytesIO()
        np.savez_compressed(content, **arrays)
        written.append(Path(f"{out}.npz"))
        save(written[-1], content.getvalue())
    figure = found.plot()
    if figure is not None:
        written.append(Path(f"{out}.png"))
        save_figure(written[-1], figure)
    print(*written)


def _drawn(split: Split) -> Split:
    return split.binarized(0) if split.dynamic else split


def _is_of_training(use: Callable[..., Any]) -> bool:
    """Whether the data that a use takes are those of the training: its argument says so."""
    return list(inspect.signature(use).parameters)[2] == "train"


def _options(use: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """The arguments of a use that the command line can give: words, numbers, lists of them.

    Of an argument that takes objects as well, such as a tensor or a word, it gives the words.
    """
    swept = SweepOptions.__annotations__
    found = {}
    for name, parameter in inspect.signature(use).parameters.items():
        told = _in_words(parameter.annotation)
        is_told = name not in _FROM_THE_RUN and name not in swept and told is not None
        if is_told and parameter.kind is parameter.KEYWORD_ONLY:
            found[name] = parameter.replace(annotation=told)
    return found


def _in_words(annotation: Any) -> Any:  # noqa: ANN401
    """The part of an annotation that asks for words and numbers; None where there is none."""
    kept = [part for part in members(annotation) if not asked_by(part).holds_names]
    return None if set(kept) <= {NoneType} else Union[tuple(kept)]  # noqa: UP007 (of a list)


def _add_options(parser: Parser, use: Callable[..., Any], helps: dict[str, str]) -> None:
    for name, parameter in _options(use).items():
        required = parameter.default is parameter.empty
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            type=parameter.annotation,
            required=required,
            help=helps.get(name, "").replace("`", ""),
            **({} if required else {"default": parameter.default}),
        )
