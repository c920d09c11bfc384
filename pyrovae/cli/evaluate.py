"""`pyrovae evaluate RUN`: the table of a trained run, with as many particles as asked for."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..data import Split, few_labels
from ..data.base import pick_device
from ..errors import ConfigError
from ..evaluate import probe
from ..reporting import Report, report, with_figures
from ..runtime.distributed import join
from .build import Setup
from .numbers import Count
from .options import EVIDENCE_PARTICLES, add_held_out, make_run_parser
from .run_folder import parse_opening, restore


def run_evaluate(words: Sequence[str]) -> None:
    """Measure a run on its test data."""
    parser = make_run_parser("evaluate", "Measure a trained run on held-out data.")
    add_held_out(parser)
    add = parser.add_argument
    add("--num-particles", type=Count, default=EVIDENCE_PARTICLES,
        help="Particles per datum of the NLL.")  # fmt: skip
    add("--chunk", type=Count,
        help="Particles times data at once; default: as memory allows.")  # fmt: skip
    add("--probe", type=Count,
        help="Train a classifier on the latents of so many labelled data.")  # fmt: skip
    config, named = parse_opening(parser, words)
    started = time.perf_counter()
    team = join(config.device)
    run = Path(config.run_folder)
    setup = restore(run, config.checkpoint, config.device, named)
    split = getattr(setup.data, config.split).subset(config.limit or 2**62)
    split = split.to(pick_device(config.device))
    few = _labelled_few(setup, config.probe, config.seed) if config.probe else None
    found = report(
        setup.pair.model,
        setup.pair.guide,
        split,
        num_particles=config.num_particles,
        chunk=config.chunk,
        seed=config.seed,
        progress=None if team.first else False,
        sharded=not team.alone,
    )
    if not team.first:
        return
    found = with_figures(found, setup.pair, split)
    if few is not None:
        found = with_probe(found, setup.pair, few, split, config.seed)
    try:
        print(found)
    finally:  # also where the reader of the output has gone
        found.to_json(run / f"report-{config.split}-{config.num_particles}.json")
    print(f"measured in {time.perf_counter() - started:.1f} s")


def _labelled_few(setup: Setup, num_labelled: int, seed: int) -> Split:
    """So many labelled training data.

    Raises:
        ConfigError: The pair takes labels by itself, or so many cannot be labelled.
        DataError: The data have no classes.
    """
    if setup.data.train.with_labels:
        raise ConfigError(
            f"--probe trains a classifier on latents that were found without labels, and "
            f"{type(setup.pair).__name__} is called with them; leave it out"
        )
    few = few_labels(setup.data, num_labelled, seed=seed).train
    return few.binarized(seed) if few.dynamic else few


def with_probe(found: Report, pair: Any, few: Split, split: Split, seed: int) -> Report:  # noqa: ANN401
    """The report with the accuracy of a classifier that sees the latents of few labelled data."""
    share = probe(pair.model, pair.guide, few.to(split[:1].x.device), split, seed=seed)
    num_labelled = int((few.y >= 0).sum()) if few.y is not None else 0
    row = ("probe", f"{share:.4f}", "", f"accuracy of a classifier of z, {num_labelled} labels")
    facts = {**found.facts, "probe": share}
    return replace(found, rows=(*found.rows, row), facts=facts)
