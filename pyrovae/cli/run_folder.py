"""A run folder: its configuration, its checkpoints, and the pair they belong to."""

from pathlib import Path

import torch
import yaml
from jsonargparse import Namespace

from ..data import Split
from ..data.base import pick_device
from ..errors import CheckpointError, ConfigError
from ..train import load_checkpoint
from ..train.placement import place
from .config import Parser, Setup, build, parse

CONFIG = "config.yaml"


def restore(run: Path, parser: Parser, checkpoint: str, device: str | None) -> Setup:
    """Rebuild what a run trained, with the parameters of a checkpoint, ready for measuring.

    Args:
        run: The run folder.
        parser: The parser of `fit`, which wrote the configuration.
        checkpoint: "best", "last", or "auto": the best where there is one.
        device: Where to put it; None is CUDA when present.

    Raises:
        CheckpointError: The folder holds no run, or a checkpoint that does not fit it.
    """
    path = run / CONFIG
    if not path.is_file():
        raise CheckpointError(f"{run} is no run folder: it holds no {CONFIG}; name one that "
                              "`pyrovae fit --run DIR` wrote")  # fmt: skip
    config = parse(parser, ["--config", str(path)])
    setup = build(parser, config, config.seed)
    names = [checkpoint] if checkpoint != "auto" else ["best", "last"]
    found = [run / f"{name}.safetensors" for name in names]
    existing = [path for path in found if path.is_file()]
    if not existing:
        raise CheckpointError(f"{run} holds no checkpoint {' or '.join(names)}; train it first: "
                              "`pyrovae fit --run DIR --resume`")  # fmt: skip
    batch = first_batch(setup.data.train)
    place(setup.pair.model, setup.pair.guide, batch, pick_device(device))
    moved = [tensor.to(pick_device(device)) for tensor in batch]
    load_checkpoint(existing[0], setup.pair.model, setup.pair.guide, *moved)
    return setup


def first_batch(split: Split, size: int = 2) -> tuple[torch.Tensor, ...]:
    """A small batch that a pair accepts; probabilities are drawn."""
    few = split[:size].binarized(0) if split.dynamic else split[:size]
    return (few.x, few.y) if few.with_labels and few.y is not None else (few.x,)


def write_config(run: Path, parser: Parser, config: Namespace) -> None:
    """Write the whole configuration, defaults included, for `restore`."""
    run.mkdir(parents=True, exist_ok=True)
    content = yaml.safe_load(parser.dump(config))
    for key in ("config", "resume", "overwrite", "run"):
        content.pop(key, None)
    (run / CONFIG).write_text(yaml.safe_dump(content, sort_keys=False))


def check_folder(run: Path, *, resume: bool, overwrite: bool) -> None:
    """Refuse to train over an earlier run without being told to."""
    if resume or overwrite or not (run / "last.safetensors").exists():
        return
    raise ConfigError(
        f"{run} already holds a run; pass --resume to continue it, --overwrite to replace it, or "
        "--run with another folder"
    )
