"""`pyrovae USE RUN`: the uses of `pyrovae.apply` on a trained run, each with its own options."""

import inspect
import json
import sys
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from types import NoneType
from typing import Any, Union

import numpy as np
from docstring_parser import parse

from .. import apply
from ..apply import Finding
from ..data import Split
from ..data.base import pick_device
from ..errors import ConfigError
from ..evaluate import SweepOptions
from ..report import save_figure
from ..runtime.files import save
from .kinds import asked_by, members
from .options import add_held_out, make_run_parser
from .parser import Parser
from .run_folder import parse_opening, restored

_FROM_THE_RUN = ("model", "guide", "x", "train", "val")
"""Arguments of a use that the run supplies: its pair, and the splits of its data."""


def run_use(name: str, words: Sequence[str]) -> None:
    """Apply a trained run, and print and save what is found."""
    use = getattr(apply, name.replace("-", "_"))
    told = parse(use.__doc__ or "")
    parser = make_run_parser(name, f"{told.short_description}\n\n{told.long_description or ''}")
    add_held_out(parser)
    _add_options(parser, use, {p.arg_name: p.description or "" for p in told.params})
    parser.add_argument("--out", type=str, metavar="NAME",
        help=f"Where NAME.json, NAME.npz and NAME.png go; default: RUN/{name}.")  # fmt: skip
    config, named = parse_opening(parser, words)
    setup, run = restored(config, named)
    device = pick_device(config.device)
    splits = {role: _drawn(getattr(setup.data, role)).to(device) for role in ("train", "val")}
    x = _drawn(getattr(setup.data, config.split).subset(config.limit or 2**62)).to(device)
    parameters = inspect.signature(use).parameters
    given = {option: config[option] for option in _options(use)}
    given |= {role: split for role, split in splits.items() if role in parameters}
    given |= {"seed": config.seed, "progress": sys.stderr.isatty()}
    found = use(
        setup.pair.model,
        setup.pair.guide,
        x,
        **{option: value for option, value in given.items() if option in parameters},
    )
    try:
        print(found)
    finally:  # also where the reader of the output has gone
        write_finding(found, Path(config.out) if config.out else run / name)


def write_finding(found: Finding, out: Path) -> None:
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


def _options(use: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """The arguments of a use that the command line can give: words, numbers, lists of them.

    Of a union, as of words or functions, it can give the members that are these. What can only be
    None that way is left out.
    """
    swept = SweepOptions.__annotations__
    found = {}
    for name, parameter in inspect.signature(use).parameters.items():
        if name in _FROM_THE_RUN or name in swept or parameter.kind is not parameter.KEYWORD_ONLY:
            continue
        given = [m for m in members(parameter.annotation) if not asked_by(m).holds_names]
        if any(member not in (None, NoneType) for member in given):
            found[name] = parameter.replace(annotation=Union[tuple(given)])  # noqa: UP007
    return found


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
