"""`pyrovae sample RUN` and `pyrovae reconstruct RUN`: data made by a trained run."""

from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pyro
import torch
from jsonargparse import Namespace
from jsonargparse.typing import NonNegativeInt, PositiveInt
from matplotlib.figure import Figure
from torch import Tensor

from .. import plots
from ..data import Dataset, Split
from ..data.base import pick_device
from ..errors import ConfigError
from ..evaluate.inputs import as_data
from ..models.capabilities import GeneratesClasses
from ..particles import simulate
from ..particles.modes import in_mode
from ..report import save_figure, to_generate
from ..report.batches import first_batch
from ..runtime.files import save
from .config import Parser, Setup, make_parser
from .fit import fit_parser
from .library import offering
from .run_folder import parse_opening, restore


def run_sample(words: Sequence[str]) -> None:
    """Draw from the model: z from the prior, then the mean of p(x|z) or a draw from it."""
    parser = _parser("sample", "Make data from a trained run: z ~ p(z), x ~ p(x|z).")
    parser.add_argument("--classes", type=NonNegativeInt, nargs="+", metavar="CLASS",
        help="Of these classes or clusters, alike; default: all that training knew.")  # fmt: skip
    config, named = parse_opening(parser, words)
    setup, run = restored(config, named)
    device = pick_device(config.device)
    if config.classes:
        x = _of_classes(setup.pair, config, device).cpu()
    else:
        wanted = to_generate(_teaching(setup.data), config.n)
        model = setup.pair.model
        with in_mode("evaluation", model):
            made = simulate(model, *(t.to(device) for t in wanted), mean=not config.draw)
        x = as_data(made, wanted[0]).cpu()
    out = Path(config.out or run / "sample.png")
    write(out, lambda: plots.image_grid(x, title="samples from the prior"), x=x)


def run_reconstruct(words: Sequence[str]) -> None:
    """Encode test data and decode them again."""
    parser = _parser("reconstruct", "Encode test data of a run and decode them again.")
    config, named = parse_opening(parser, words)
    setup, run = restored(config, named)
    batch = first_batch(setup.data.test, config.n)
    moved = [t.to(pick_device(config.device)) for t in batch]
    model, guide = setup.pair.model, setup.pair.guide
    with in_mode("evaluation", model, guide):
        made = simulate(model, *moved, guide=guide, mean=not config.draw)
    rebuilt = as_data(made, batch[0]).cpu()
    out = Path(config.out or run / "reconstruct.png")
    title = "originals over reconstructions"
    write(
        out, lambda: plots.reconstructions(batch[0], rebuilt, title=title), x=batch[0],
        reconstruction=rebuilt,
    )  # fmt: skip


def _teaching(data: Dataset) -> Split:
    """Whose y to generate for: classes of the training, values that it has not seen."""
    y = data.train.y
    is_class = y is not None and y.dim() == 1 and not y.is_floating_point()
    return data.train if is_class or not len(data.test) else data.test


def _of_classes(pair: Any, config: Namespace, device: torch.device) -> Tensor:  # noqa: ANN401
    if not isinstance(pair, GeneratesClasses):
        known = ", ".join(offering(GeneratesClasses))
        raise ConfigError(
            f"--classes: {type(pair).__name__} knows no classes; {known} do, and a pair of "
            "your own does that has a method `generate_classes(classes, *, mean)`"
        )
    classes = torch.tensor(config.classes, device=device)
    each = classes.repeat_interleave(-(-config.n // len(classes)))[: config.n]
    return pair.generate_classes(each, mean=not config.draw)


def run_parser(command: str, description: str) -> Parser:
    """A parser of what every command on a trained run needs."""
    parser = make_parser(command, description)
    add = parser.add_argument
    add("run_folder", metavar="RUN", type=str, help="A folder that `pyrovae fit` left.")
    add("--checkpoint", choices=["auto", "best", "last"], default="auto",
        help="auto: the best by validation where there is one.")  # fmt: skip
    add("--seed", type=NonNegativeInt, default=0, help="Of the draws.")
    add("--device", type=str, help="cuda, cpu, ...; default: CUDA when there is one.")
    return parser


def _parser(command: str, description: str) -> Parser:
    parser = run_parser(command, description)
    add = parser.add_argument
    add("--n", type=PositiveInt, default=64, help="How many.")
    add("--out", type=str, help="A .png picture or an .npz of arrays; default: in the run folder.")
    add("--draw", action="store_true", help="Draw from p(x|z) instead of taking its mean.")
    return parser


def restored(config: Namespace, named: Sequence[str]) -> tuple[Setup, Path]:
    """What a run trained, and its folder."""
    run = Path(config.run_folder)
    setup = restore(run, fit_parser(), config.checkpoint, config.device, named)
    pyro.set_rng_seed(config.seed)
    return setup, run


def write(out: Path, draw: Callable[[], Figure], **arrays: Tensor) -> None:
    """Leave a picture, or the arrays that it shows."""
    if out.suffix == ".npz":
        held: Any = {k: v.cpu().numpy() for k, v in arrays.items()}
        content = BytesIO()
        np.savez_compressed(content, **held)
        save(out, content.getvalue())
    elif out.suffix == ".png":
        save_figure(out, draw())
    else:
        raise ConfigError(f"--out {out}: write a .png picture or an .npz of arrays")
    print(out)
