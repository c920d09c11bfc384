"""`pyrovae entropies RUN`: whether a run has converged, by the sum of entropies."""

import sys
from collections.abc import Sequence
from pathlib import Path

from ..data.base import pick_device
from ..evaluate import entropies
from .numbers import Count
from .options import make_run_parser
from .run_folder import parse_opening, restored
from .use import write_result


def run_entropies(words: Sequence[str]) -> None:
    """Compare the ELBO of the training data with a sum of entropies."""
    parser = make_run_parser(
        "entropies",
        "Compare the ELBO of a trained run with the entropy of q(z|x) minus those of p(z) and "
        "p(x|z), which it equals once training has converged. Gaussian likelihoods with a learned "
        "variance, Bernoulli and categorical ones have this property; others are refused, with "
        "the reason.",
    )
    add = parser.add_argument
    add("--limit", type=Count, help="Only the first so many training data.")
    add("--num-particles", type=Count, default=20, help="Draws of z for each datum.")
    add("--out", type=str, metavar="NAME",
        help="Where NAME.json, NAME.npz and NAME.png go; default: RUN/entropies.")  # fmt: skip
    config, named = parse_opening(parser, words)
    setup, run = restored(config, named)
    split = setup.data.train.subset(config.limit or 2**62)
    found = entropies(
        setup.pair.model,
        setup.pair.guide,
        (split.binarized(config.seed) if split.dynamic else split).to(pick_device(config.device)),
        num_particles=config.num_particles,
        seed=config.seed,
        progress=sys.stderr.isatty(),
    )
    try:
        print(found)
    finally:  # also where the reader of the output has gone
        write_result(found, Path(config.out) if config.out else run / "entropies")
