"""`pyrovae compare RUN`: several objectives on what a run trained."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from jsonargparse.typing import PositiveInt

from .. import plots
from ..data.base import pick_device
from ..errors import ConfigError
from ..evaluate import Annealed, ais, compare
from ..report import save_figure
from .config import make_parser
from .fit import fit_parser
from .objective_words import make_objective
from .run_folder import parse_opening, restore

EQUAL = {"K": "K", "evaluations": "decoder evaluations"}


def run_compare(words: Sequence[str]) -> None:
    """Print the table, and leave it in the run folder as CSV, JSON and a picture."""
    parser = make_parser(
        "compare", "Compare objectives on a trained run: bounds, gradients, cost."
    )
    add = parser.add_argument
    add("run_folder", metavar="RUN", type=str, help="A folder that `pyrovae fit` left.")
    add("--objectives", nargs="+", type=str, default=["ELBO", "IWAE"], metavar="NAME",
        help="Names, with arguments if any: ELBO 'Renyi(alpha=0.5)' file.py:Mine.")  # fmt: skip
    add("--num-particles", type=int, default=8, help="Of each row: its K, or its evaluations.")
    add("--equal", choices=list(EQUAL), default="K",
        help="Rows of equal K, or of equal decoder evaluations per datum.")  # fmt: skip
    add("--truth", choices=["evidence", "ais"], default="evidence",
        help="What estimates log p(x): importance sampling, or annealed.")  # fmt: skip
    add("--draws", type=int, default=200, help="Of bounds and gradients.")
    add("--limit", type=int, default=100, help="The first so many data are the batch.")
    add("--split", choices=["test", "val"], default="test", help="Which data.")
    add("--evidence-particles", type=int, default=5000, help="Particles of --truth evidence.")
    add("--temperatures", type=PositiveInt, default=100, help="Temperatures of --truth ais.")
    add("--chains", type=PositiveInt, default=16, help="Chains of --truth ais.")
    add("--out", type=str, default="compare.csv", help="CSV file; .json and .png beside it.")
    add("--checkpoint", choices=["auto", "best", "last"], default="auto",
        help="auto: the best by validation where there is one.")  # fmt: skip
    add("--seed", type=int, default=0, help="Of the draws.")
    add("--device", type=str, help="cuda, cpu, ...; default: CUDA when there is one.")
    config, named = parse_opening(parser, words)
    objectives = {name: make_objective(name, config.num_particles) for name in config.objectives}
    run = Path(config.run_folder)
    out = run / config.out
    if out.suffix != ".csv":
        raise ConfigError(f"--out {config.out}: name a .csv file; .json and .png go beside it")
    if config.limit < 1:
        raise ConfigError(f"--limit {config.limit}: a batch has at least one datum")
    setup = restore(run, fit_parser(), config.checkpoint, config.device, named)
    split = getattr(setup.data, config.split).subset(config.limit)
    call = setup.pair.model, setup.pair.guide, split.to(pick_device(config.device))
    truth: Annealed | Literal["evidence"] = "evidence"
    if config.truth == "ais":
        truth = ais(
            *call,
            num_particles=config.chains,
            num_temperatures=config.temperatures,
            seed=config.seed,
            progress=sys.stderr.isatty(),
        )
    found = compare(
        *call,
        objectives,
        truth=truth,
        num_particles=config.num_particles,
        equal=EQUAL[config.equal],  # type: ignore[arg-type]
        evidence_particles=config.evidence_particles,
        num_draws=config.draws,
        seed=config.seed,
        progress=sys.stderr.isatty(),
    )
    try:
        print(found)
    finally:  # also where whatever reads the output has gone
        found.to_csv(out)
        found.to_json(out.with_suffix(".json"))
    save_figure(out.with_suffix(".png"), plots.comparison(found))
    print(*(out.with_suffix(suffix) for suffix in (".csv", ".json", ".png")))
