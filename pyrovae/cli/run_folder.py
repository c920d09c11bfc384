"""A run folder: its configuration, its checkpoints, and the pair they belong to."""

from collections.abc import Collection, Sequence
from pathlib import Path

import pyro
from jsonargparse import Namespace

from ..data.base import pick_device
from ..errors import CheckpointError
from ..reporting.batches import first_batch
from ..train import load_checkpoint
from ..train.placement import place
from .build import Setup, build, computing
from .config import parse, parse_plain
from .fit_options import fit_parser
from .names import SECTIONS
from .parser import Parser
from .run_files import CONFIG, check_links
from .supplies import read_supplies


def parse_opening(parser: Parser, words: Sequence[str]) -> tuple[Namespace, list[str]]:
    """Parse the words of a command on a run, without those that name code of the user's own.

    Args:
        parser: Of the command; it gains the options that name such code.
        words: Of the command line.

    Returns:
        The options of the command, and the words for `restore` or `configuration`.
    """
    for section in SECTIONS:
        parser.add_argument(
            f"--{section}",
            metavar="NAME",
            type=str,
            help=f"The {section} of the run, where it is code of your own: a run folder by itself "
            f"runs nothing, so name it again. Parts of it likewise: --{section}.OPTION NAME.",
        )
    named, others, rest = [], [], list(words)
    while rest:
        word = rest.pop(0)
        option, given, _ = word.partition("=")
        if not option.startswith("--") or option[2:].split(".")[0] not in SECTIONS:
            others.append(word)
            continue
        named.append(word)
        if not given and rest:
            named.append(rest.pop(0))
    return parse_plain(parser, others), named


def restore(run: Path, checkpoint: str, device: str | None, words: Sequence[str] = ()) -> Setup:
    """Build what a run trained, with the parameters of a checkpoint.

    Args:
        run: The run folder.
        checkpoint: "best", "last", or "auto": the best where there is one.
        device: Where to put it; None is CUDA when present.
        words: Of the command line, which name the user's own again.

    Raises:
        CheckpointError: The folder holds no run, or a checkpoint that does not fit it.
        ConfigError: The run names what the library does not have, and the words do not.
    """
    parser = fit_parser()
    config = configuration(run, parser, words)
    setup = build(parser, config, config.seed, read_supplies(run))
    path = checkpoint_of(run, [checkpoint] if checkpoint != "auto" else ["best", "last"])
    batch = first_batch(setup.data.train)
    where = pick_device(device)
    with computing(config, setup.data):
        place(setup.pair.model, setup.pair.guide, batch, where)
        moved = [tensor.to(where) for tensor in batch]
        meta = load_checkpoint(path, setup.pair.model, setup.pair.guide, *moved)
    if meta.get("kind") != path.stem:
        raise CheckpointError(
            f"{path} was written as {str(meta.get('kind'))[:20]}.safetensors; put the run's own "
            f"{path.name} there, or name the other with --checkpoint"
        )
    return setup


def restored(config: Namespace, words: Sequence[str]) -> tuple[Setup, Path]:
    """What the run of a command trained, and its folder; seeds the draws of the command."""
    run = Path(config.run_folder)
    setup = restore(run, config.checkpoint, config.device, words)
    pyro.set_rng_seed(config.seed)
    return setup, run


def checkpoint_of(run: Path, names: Sequence[str]) -> Path:
    """The checkpoint of a run by the first of these names that there is.

    Raises:
        CheckpointError: There is none.
    """
    found = [run / f"{name}.safetensors" for name in names]
    existing = [path for path in found if path.is_file()]
    if not existing:
        raise CheckpointError(f"{run} holds no checkpoint {' or '.join(names)}; train it first: "
                              "`pyrovae fit --run DIR --resume`")  # fmt: skip
    return existing[0]


def configuration(
    run: Path,
    parser: Parser,
    words: Sequence[str] = (),
    only: Collection[str] = tuple(SECTIONS),
) -> Namespace:
    """The configuration of a run. It is data: code of one's own is named again by the words.

    Args:
        run: The run folder.
        parser: The parser of `fit`, which wrote it; it gains the options of what the run names.
        words: Of the command line, which replace what the run's file says.
        only: The sections that are parsed.

    Raises:
        CheckpointError: The folder holds no run.
        ConfigError: It names what the library does not have, or holds a link to elsewhere.
    """
    path = run / CONFIG
    if not path.is_file():
        raise CheckpointError(f"{run} is no run folder: it holds no {CONFIG}; name one that "
                              "`pyrovae fit --run DIR` wrote")  # fmt: skip
    check_links(run)
    return parse(parser, words, run_file=path, only=only)
