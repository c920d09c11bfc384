"""`pyrovae sample-quality RUN`: how good the data are that a run generates."""

import sys
from collections.abc import Sequence
from pathlib import Path

from ..data.base import pick_device
from ..evaluate import sample_quality
from .numbers import Count
from .options import add_held_out, make_run_parser
from .run_folder import parse_opening, restored
from .use import write_result


def run_sample_quality(words: Sequence[str]) -> None:
    """Compare samples with training data, beside held-out data."""
    parser = make_run_parser(
        "sample-quality",
        "Compare samples and reconstructions of a trained run with training data, beside what "
        "held-out data give: Frechet distance, kernel distance, precision and recall, density and "
        "coverage, and whether samples are copies. Compare runs on as many data only.",
    )
    add_held_out(parser, limit=2000)
    add = parser.add_argument
    add(
        "--features",
        choices=["auto", "classifier", "pca", "raw"],
        default="auto",
        help="In which features; auto: of a classifier trained here where there are labels.",
    )
    add("--nearest", type=Count, default=5, help="Neighbours of precision, recall and the like.")
    add("--mean", action="store_true", help="The mean of p(x|z) in place of a draw of it.")
    add(
        "--out",
        type=str,
        metavar="NAME",
        help="Where NAME.json, NAME.npz and NAME.png go; default: RUN/sample-quality.",
    )
    config, named = parse_opening(parser, words)
    setup, run = restored(config, named)
    held_out = getattr(setup.data, config.split).subset(config.limit or 2**62)
    device = pick_device(config.device)
    x, train = (
        (split.binarized(0) if split.dynamic else split).to(device)
        for split in (held_out, setup.data.train)
    )
    found = sample_quality(
        setup.pair.model,
        setup.pair.guide,
        x,
        train=train,
        features=config.features,
        nearest=config.nearest,
        mean=config.mean,
        seed=config.seed,
        progress=sys.stderr.isatty(),
    )
    try:
        print(found)
    finally:  # also where the reader of the output has gone
        write_result(found, Path(config.out) if config.out else run / "sample-quality")
