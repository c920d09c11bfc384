"""`pyrovae disentangle RUN`, `pyrovae traverse RUN`: what the latent units of a run stand for."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from .. import plots
from ..data import Dataset, Split
from ..data.base import pick_device
from ..errors import ConfigError, DataError
from ..evaluate import disentanglement, posterior_means, traverse
from ..reporting import form_of, save_figure
from ..runtime.files import save
from .numbers import Count, CountOrNone, Positive
from .options import add_picture, make_run_parser
from .outputs import ARRAYS, check_fit, check_out, write_arrays
from .run_folder import parse_opening, restored


def run_disentangle(words: Sequence[str]) -> None:
    """Compare posterior means with known factors."""
    parser = make_run_parser(
        "disentangle",
        "Measure how well each latent unit of a trained run stands for one known factor of the "
        "data, such as those of --data shapes.",
    )
    add = parser.add_argument
    add("--split", choices=["all", "train", "val", "test"], default="all",
        help="Which data to measure on.")  # fmt: skip
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
    parser = make_run_parser(
        "traverse",
        "Encode one test datum, change one latent unit at a time, and decode.",
    )
    add = parser.add_argument
    add("--datum", type=CountOrNone, default=0, help="Row of the test data to start from.")
    add("--units", type=Count, default=10,
        help="How many units, those with the most information about the data first.")  # fmt: skip
    add("--steps", type=Count, default=9, help="How many values of each unit.")
    add("--range", type=Positive, default=2.5, help="The values go from minus this to this.")
    add("--site", type=str, help="Latent site; may be left out where there is only one vector.")
    add_picture(parser)
    config, named = parse_opening(parser, words)
    check_out(config.out)
    setup, run = restored(config, named)
    split = setup.data.test
    form = form_of(setup.pair, split[:1].x)
    out = Path(config.out or run / "traverse")
    check_fit(out, form)
    try:
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
    except NotImplementedError as error:  # of text, say
        raise ConfigError(
            f"traverse {run}: p(x|z) of these data, which are {form.kind}, has no mean, and a "
            "traversal shows means; `pyrovae interpolate` goes from one datum to another"
        ) from error
    arrays = {
        "images": found.images,
        "units": found.units,
        "information": found.information,
        "values": found.values,
    }
    if out.suffix == ARRAYS or not form.draws_images(found.images.flatten(0, 1)):
        write_arrays(out.with_suffix(ARRAYS), arrays)
        return
    out = out.with_suffix(".png")
    title = "One latent unit is changed at a time"
    save_figure(out, plots.traversals(found, title=title))
    print(out)


def _split_of(data: Dataset, name: str) -> tuple[Split, torch.Tensor]:
    splits = [data.train, data.val, data.test] if name == "all" else [getattr(data, name)]
    splits = [s.binarized(0) if s.dynamic else s for s in splits]
    x = torch.cat([split.x for split in splits])
    labels = [split.y for split in splits if split.y is not None]
    is_mask = (
        bool(labels) and labels[0].dtype == torch.bool and labels[0].shape == splits[0].x.shape
    )
    if len(labels) < len(splits) or labels[0].dim() != 2 or is_mask:
        raise DataError(
            f"{data.name} has no table of factors [N, F] as labels, which the metrics compare "
            "latents with; train on --data shapes, or give your own data such a y"
        )
    y = torch.cat(labels)
    return replace(splits[0], x=x, y=y), y
