"""Options that several commands have, each declared once."""

from argparse import _ArgumentGroup

from .numbers import Count, Seed
from .parser import Parser, make_parser

EVIDENCE_PARTICLES = 1000
"""Particles per datum of an NLL, unless an option gives another number: one for all commands."""


def make_run_parser(command: str, description: str) -> Parser:
    """A parser of a command on a trained run: RUN, --checkpoint, --seed, --device."""
    parser = make_parser(command, description)
    add_run(parser)
    parser.add_argument("--checkpoint", choices=["auto", "best", "last"], default="auto",
        help="Which parameters; auto: the best by validation where there is one.")  # fmt: skip
    parser.add_argument("--seed", type=Seed, default=0, help="Seed of all draws.")
    add_device(parser)
    return parser


def add_run(parser: Parser) -> None:
    parser.add_argument(
        "run_folder", metavar="RUN", type=str, help="A folder that `pyrovae fit` wrote."
    )


def add_device(parser: Parser | _ArgumentGroup) -> None:
    parser.add_argument(
        "--device", type=str, help="cuda, cpu, ...; without it CUDA where there is one."
    )


def add_held_out(parser: Parser, limit: int | None = None) -> None:
    """`--split` and `--limit`: which data are measured."""
    parser.add_argument(
        "--split", choices=["test", "val"], default="test", help="Which data to measure on."
    )
    parser.add_argument(
        "--limit", type=Count, default=limit, help="Only the first so many of them."
    )


def add_objectives(parser: Parser, remark: str = "") -> None:
    parser.add_argument("--objectives", nargs="+", type=str, default=["ELBO", "IWAE"],
        metavar="NAME", help="Names, with arguments if any: ELBO 'Renyi(alpha=0.5)' "
        f"file.py:Mine.{remark}")  # fmt: skip


def add_evidence_particles(parser: Parser) -> None:
    parser.add_argument("--evidence-particles", type=Count, default=EVIDENCE_PARTICLES,
        help="Particles per datum of the importance-sampling estimate of log p(x).")  # fmt: skip


def add_picture(parser: Parser) -> None:
    """`--out` of a command that writes data: what shows them, or their arrays."""
    parser.add_argument(
        "--out",
        type=str,
        metavar="FILE",
        help="A .png picture or an .npz of arrays; of text a .txt file, of sounds .wav, of rows "
        "of a table .csv. Default: in the run folder, what shows the data, else arrays.",
    )
