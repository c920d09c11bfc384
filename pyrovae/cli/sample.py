"""`pyrovae sample RUN` and `pyrovae reconstruct RUN`: data made by a trained run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from jsonargparse import Namespace
from torch import Tensor

from .. import plots
from ..data import Dataset, Split
from ..data.base import pick_device
from ..errors import ConfigError
from ..evaluate.inputs import as_data
from ..models.capabilities import GeneratesClasses
from ..particles import simulate
from ..particles.modes import in_mode
from ..reporting import to_generate
from ..reporting.batches import first_batch
from .library import offering
from .numbers import Count, CountOrNone
from .options import add_picture, make_run_parser
from .outputs import check_picture, write_picture
from .parser import Parser
from .run_folder import parse_opening, restored


def run_sample(words: Sequence[str]) -> None:
    """Draw from the model: z from the prior, then the mean of p(x|z) or a draw from it."""
    parser = _parser("sample", "Make data from a trained run: z ~ p(z), x ~ p(x|z).")
    parser.add_argument("--classes", type=CountOrNone, nargs="+", metavar="CLASS",
        help="As many of each of these classes or clusters; default: of all in the training "
        "data.")  # fmt: skip
    config, named = parse_opening(parser, words)
    check_picture(config.out)
    setup, run = restored(config, named)
    device = pick_device(config.device)
    if config.classes:
        x = _of_classes(setup.pair, config, device).cpu()
    else:
        wanted = to_generate(_with_wanted_labels(setup.data), config.n)
        model = setup.pair.model
        with in_mode("evaluation", model):
            made = simulate(model, *(t.to(device) for t in wanted), mean=not config.draw)
        x = as_data(made, wanted[0]).cpu()
    out = Path(config.out or run / "sample")
    of = (
        f"of classes {', '.join(map(str, config.classes))}" if config.classes else "from the prior"
    )
    title = f"{'Draws' if config.draw else 'Means of p(x|z)'} {of}"
    write_picture(out, x, lambda: plots.image_grid(x, title=title), x=x)


def run_reconstruct(words: Sequence[str]) -> None:
    """Encode test data and decode them again."""
    parser = _parser("reconstruct", "Encode test data of a run and decode them again.")
    config, named = parse_opening(parser, words)
    check_picture(config.out)
    setup, run = restored(config, named)
    batch = first_batch(setup.data.test, config.n)
    moved = [t.to(pick_device(config.device)) for t in batch]
    model, guide = setup.pair.model, setup.pair.guide
    with in_mode("evaluation", model, guide):
        made = simulate(model, *moved, guide=guide, mean=not config.draw)
    rebuilt = as_data(made, batch[0]).cpu()
    out = Path(config.out or run / "reconstruct")
    title = "Test data, and what comes back of them through the latents"
    write_picture(
        out, rebuilt, lambda: plots.reconstructions(batch[0], rebuilt, title=title), x=batch[0],
        reconstruction=rebuilt,
    )  # fmt: skip


def _with_wanted_labels(data: Dataset) -> Split:
    """The split whose y to generate for: classes of the training data, values of the test data."""
    y = data.train.y
    is_class = y is not None and y.dim() == 1 and not y.is_floating_point()
    return data.train if is_class or not len(data.test) else data.test


def _of_classes(pair: Any, config: Namespace, device: torch.device) -> Tensor:  # noqa: ANN401
    programs = pair.model, pair.guide
    if not isinstance(pair, GeneratesClasses):
        known = ", ".join(offering(GeneratesClasses))
        raise ConfigError(
            f"--classes: {type(pair).__name__} knows no classes; {known} do, and a pair of "
            "your own does that has a method `generate_classes(classes, *, mean)`"
        )
    classes = torch.tensor(config.classes, device=device)
    each = classes.repeat_interleave(-(-config.n // len(classes)))[: config.n]
    with torch.no_grad(), in_mode("evaluation", *programs):
        return pair.generate_classes(each, mean=not config.draw)


def _parser(command: str, description: str) -> Parser:
    parser = make_run_parser(command, description)
    parser.add_argument("--n", type=Count, default=64, help="How many data.")
    add_picture(parser)
    parser.add_argument(
        "--draw", action="store_true", help="Draw from p(x|z), instead of taking its mean."
    )
    return parser
