"""`pyrovae disentangle RUN`, `pyrovae traverse RUN`: what the latent units of a run stand for."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from jsonargparse.typing import NonNegativeInt, PositiveFloat, PositiveInt

from .. import plots
from ..data import Dataset, Split
from ..data.base import pick_device
from ..errors import DataError
from ..evaluate import disentanglement, posterior_means, traverse
from ..runtime.files import save
from .run_folder import parse_opening
from .sample import restored, run_parser, write


def run_disentangle(words: Sequence[str]) -> None:
    """Compare posterior means with known factors."""
    parser = run_parser("disentangle", "Measure how far the latent units of a trained run stand "
                        "for known factors, as those of --data shapes.")  # fmt: skip
    add = parser.add_argument
    add("--split", choices=["all", "train", "val", "test"], default="all", help="Which data.")
    add("--site", type=str, help="Latent site; may be left out where there is only one.")
    config, named = parse_opening(parser, words)
    setup, run = restored(config, named)
    split, factors = _split_of(setup.data, config.split)
    codes = posterior_means(
        setup.pair.model,
        setup.pair.guide,
        split.to(pick_device(config.device)),
        site=config.site,
        seed=config.seed,
    )
    found = disentanglement(codes, factors, names=setup.data.info.get("factors"), seed=config.seed)
    print(found)
    path = run / "disentanglement.json"
    save(path, json.dumps(found.summary(), indent=2) + "\n")
    print(path)


def run_traverse(words: Sequence[str]) -> None:
    """Move one latent unit at a time, and decode."""
    parser = run_parser("traverse", "Decode latents of a trained run that differ from those of "
                        "one test datum in one unit.")  # fmt: skip
    add = parser.add_argument
    add("--datum", type=NonNegativeInt, default=0, help="Which of the test data to start from.")
    add("--units", type=PositiveInt, default=10, help="How many, the most informative ones.")
    add("--steps", type=PositiveInt, default=9, help="How many values of each unit.")
    add("--range", type=PositiveFloat, default=2.5, help="Values from minus this to this.")
    add("--site", type=str, help="Latent site; may be left out where there is only one vector.")
    add("--out", type=str, help="A .png picture or an .npz of arrays; default: in the run folder.")
    config, named = parse_opening(parser, words)
    setup, run = restored(config, named)
    split = setup.data.test
    found = traverse(
        setup.pair.model,
        setup.pair.guide,
        (split.binarized(0) if split.dynamic else split).to(pick_device(config.device)),
        site=config.site,
        datum=config.datum,
        values=torch.linspace(-config.range, config.range, config.steps).tolist(),
        num_units=config.units,
        seed=config.seed,
    )
    out = Path(config.out or run / "traverse.png")
    title = "one latent unit at a time"
    write(
        out, lambda: plots.traversals(found, title=title), images=found.images,
        units=found.units, information=found.information, values=found.values,
    )  # fmt: skip


def _split_of(data: Dataset, name: str) -> tuple[Split, torch.Tensor]:
    splits = [data.train, data.val, data.test] if name == "all" else [getattr(data, name)]
    splits = [s.binarized(0) if s.dynamic else s for s in splits]
    x = torch.cat([split.x for split in splits])
    labels = [split.y for split in splits if split.y is not None]
    if len(labels) < len(splits) or labels[0].dim() != 2:
        raise DataError(
            f"{data.name} has no table of factors [N, F] as labels, which the metrics compare "
            "latents with; train on --data shapes, or give your own data such a y"
        )
    y = torch.cat(labels)
    return replace(splits[0], x=x, y=y), y
