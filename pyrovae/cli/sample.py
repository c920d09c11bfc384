"""`pyrovae sample RUN` and `pyrovae reconstruct RUN`: data made by a trained run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..data import Dataset, Split
from ..data.base import pick_device
from ..errors import ConfigError
from ..models.capabilities import GeneratesClasses, ReadsSources
from ..particles.modes import in_mode
from ..reporting import form_of, rebuilt, sampled, to_generate
from ..reporting.batches import first_batch
from .decoding import add_decoding, decoding_of
from .library import offering
from .numbers import Count, CountOrNone
from .options import add_picture, make_run_parser
from .outputs import check_fit, check_out, write_made
from .parser import Parser
from .run_folder import parse_opening, restored


def run_sample(words: Sequence[str]) -> None:
    """Draw from the model: z from the prior, then the mean of p(x|z) or a draw from it."""
    parser = _parser("sample", "Make data from a trained run: z ~ p(z), x ~ p(x|z).")
    parser.add_argument("--classes", type=CountOrNone, nargs="+", metavar="CLASS",
        help="As many of each of these classes or clusters; default: of all in the training "
        "data.")  # fmt: skip
    config, named = parse_opening(parser, words)
    check_out(config.out)
    setup, run = restored(config, named)
    device = pick_device(config.device)
    form = form_of(setup.pair, setup.data.train[:1].x)
    out = Path(config.out or run / "sample")
    check_fit(out, form)
    method = "generate_classes" if config.classes else "generate"
    options = decoding_of(config, setup.pair, method)
    n, mean = config.n or form.usual_count, form.has_means and not config.draw
    sources = None
    if config.classes:
        x = _of_classes(setup.pair, config.classes, n, device, mean).cpu()
    else:
        wanted = tuple(t.to(device) for t in to_generate(_with_wanted_labels(setup.data), n))
        x = sampled(setup.pair, setup.pair.model, wanted, form, mean=mean, options=options)
        if isinstance(setup.pair, ReadsSources) and setup.pair.reads_sources:
            sources = wanted[1].cpu()
    of = (
        f"of classes {', '.join(map(str, config.classes))}" if config.classes else "from the prior"
    )
    title = f"{'Means of p(x|z)' if mean else 'Draws'} {of}"
    write_made(out, form, x, sources, title=title, x=x)


def run_reconstruct(words: Sequence[str]) -> None:
    """Encode test data and decode them again."""
    parser = _parser("reconstruct", "Encode test data of a run and decode them again.")
    config, named = parse_opening(parser, words)
    check_out(config.out)
    setup, run = restored(config, named)
    form = form_of(setup.pair, setup.data.test[:1].x)
    out = Path(config.out or run / "reconstruct")
    check_fit(out, form)
    options = decoding_of(config, setup.pair, "reconstruct")
    batch = first_batch(setup.data.test, config.n or form.usual_count)
    moved = tuple(t.to(pick_device(config.device)) for t in batch)
    pair = setup.pair
    is_mean = not config.draw
    back = rebuilt(pair, pair.model, pair.guide, moved, form, mean=is_mean, options=options)
    title = "Test data, and what comes back of them through the latents"
    write_made(out, form, back, form.given(batch), title=title, x=batch[0], reconstruction=back)


def _with_wanted_labels(data: Dataset) -> Split:
    """The split whose y to generate for: classes of the training data, values of the test data."""
    y = data.train.y
    is_class = y is not None and y.dim() == 1 and not y.is_floating_point()
    return data.train if is_class or not len(data.test) else data.test


def _of_classes(
    pair: Any,  # noqa: ANN401
    wanted: Sequence[int],
    n: int,
    device: torch.device,
    mean: bool,
) -> Tensor:
    programs = pair.model, pair.guide
    if not isinstance(pair, GeneratesClasses):
        known = ", ".join(offering(GeneratesClasses))
        raise ConfigError(
            f"--classes: {type(pair).__name__} knows no classes; {known} do, and a pair of "
            "your own does that has a method `generate_classes(classes, *, mean)`"
        )
    classes = torch.tensor(wanted, device=device)
    each = classes.repeat_interleave(-(-n // len(classes)))[:n]
    with torch.no_grad(), in_mode("evaluation", *programs):
        return pair.generate_classes(each, mean=mean)


def _parser(command: str, description: str) -> Parser:
    parser = make_run_parser(command, description)
    parser.add_argument("--n", type=Count, help="How many data; default: 64, and 8 of sounds.")
    add_picture(parser)
    parser.add_argument(
        "--draw", action="store_true", help="Draw from p(x|z), instead of taking its mean."
    )
    add_decoding(parser)
    return parser
