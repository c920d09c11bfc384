"""Initial parameters: from another run, from data; and which of them are trained."""

from pathlib import Path
from typing import Any

import torch
from jsonargparse import Namespace
from torch import nn

from ..data import Split
from ..errors import ConfigError
from ..models.capabilities import StartsFromData
from ..reporting.batches import first_batch
from ..train import load_checkpoint
from .build import Setup
from .run_folder import checkpoint_of


def set_initial(setup: Setup, config: Namespace, run_dir: Path) -> list[str]:
    """Follow `--from`, `--start` and `--only`.

    A run that is resumed from a checkpoint takes its parameters from that instead.

    Returns:
        What was done, a line each.

    Raises:
        ConfigError: The pair does not start from data, or has no such part.
        CheckpointError: The other run holds nothing that fits.
    """
    done = []
    is_resumed = config.resume and (run_dir / "last.safetensors").is_file()
    if config["from"] and not is_resumed:
        done.append(_from_run(setup, Path(config["from"])))
    if config.start and not is_resumed:
        _start(setup.pair, setup.data.train, config.start, config.seed)
        done.append(f"started at {min(config.start, len(setup.data.train))} data")
    if config.only:
        done.append(_only(setup.pair, config.only))
    return done


def _from_run(setup: Setup, run: Path) -> str:
    pair = setup.pair
    found = checkpoint_of(run, ["best", "last"])
    batch = first_batch(setup.data.train)
    meta = load_checkpoint(found, pair.model, pair.guide, *batch, strict=False)
    kept = meta["kept"]
    return f"began as {run}" + (f", but for {', '.join(kept)}" if kept else "")


def _start(pair: Any, train: Split, size: int, seed: int) -> None:  # noqa: ANN401
    if not (isinstance(pair, StartsFromData) and isinstance(pair, nn.Module)):
        raise ConfigError(
            f"--start: {type(pair).__name__} is no module with a method `start(x, *, seed)`; "
            "give it one, or leave the option out"
        )
    some = train[:size].binarized(seed) if train.dynamic else train[:size]
    before = {name: tensor.clone() for name, tensor in pair.state_dict().items()}
    pair.start(some.x, seed=seed)
    if all(torch.equal(tensor, before[name]) for name, tensor in pair.state_dict().items()):
        raise ConfigError(
            f"--start: nothing of this {type(pair).__name__} starts from data, as clusters, "
            "codebooks, mixtures and pseudo-inputs do; leave the option out"
        )


def _only(pair: Any, parts: list[str]) -> str:  # noqa: ANN401
    """Freeze what is not named: no gradient, no noise of training, no moving averages."""
    if not isinstance(pair, nn.Module):
        raise ConfigError("--only names parts of a pair that is a torch.nn.Module; this is none")
    modules = dict(pair.named_modules())
    for part in parts:
        if part not in modules or not any(True for _ in modules[part].parameters()):
            own = [
                n for n, child in pair.named_children() if any(True for _ in child.parameters())
            ]
            raise ConfigError(
                f"--only {part}: {type(pair).__name__} has no part of that name that could be "
                f"trained; it has {', '.join(own)}"
            )
    kept = {module for part in parts for module in modules[part].modules()}
    pair.eval()
    pair.requires_grad_(requires_grad=False)
    for module in kept:
        module.training = True
        for parameter in module.parameters(recurse=False):
            parameter.requires_grad_(requires_grad=True)
    return f"trains {', '.join(parts)} only"
