"""Labelled data made by a pair for each class."""

from collections.abc import Mapping
from typing import Any, Unpack

import torch

from ...data import Split
from ...data.base import mix_seed
from ...errors import ConfigError
from ...evaluate.inputs import Data
from ...evaluate.options import SweepOptions, seed_or_fresh
from ...particles.pair import HasPair
from .augment import Way, augment
from .augmented import Augmented
from .given import in_type, labelled_data


def augment_by_class(
    pairs: Mapping[int, HasPair],
    train: Data,
    y: Any = None,  # noqa: ANN401 (labels of any kind)
    *,
    num_per_class: int = 100,
    way: Way = "prior",
    temperature: float = 1.0,
    extrapolate: float = 0.0,
    mean: bool = False,
    **options: Unpack[SweepOptions],
) -> Augmented:
    """Make labelled data with a pair for each class, trained on the data of this class alone.

    Args:
        pairs: By class: objects with a `model` and a `guide`, called with the data alone.
        train: Labelled data of any kind, as in `augment`.
        y: Labels, whole numbers [N], where `train` does not hold them.
        num_per_class: See `augment`, as for the rest.
        way: "prior" draws from p(x) of the pair of a class; "posterior" around given data.
        temperature: Of "posterior".
        extrapolate: Of "posterior".
        mean: The mean of p(x|z); else a draw.
        options: `chunk`, `rows`, `seed`, ...: see `SweepOptions`.

    Raises:
        ConfigError: A class has no pair.

    Example:
        >>> from pyrovae.data.synthetic import LinearGaussian
        >>> pairs = {c: LinearGaussian.random(4, 2, seed=c) for c in (0, 1)}
        >>> x, y = torch.cat([pairs[c].sample(5, seed=0) for c in (0, 1)]), [0] * 5 + [1] * 5
        >>> augment_by_class(pairs, x, y, num_per_class=3).y
        tensor([0, 0, 0, 1, 1, 1])
    """
    given = labelled_data(train, y, options.get("columns"), options.get("transform"))
    options = {**options, "columns": None, "transform": None}
    numbers = given.classes.tolist()
    if any(number not in pairs for number in numbers):
        raise ConfigError(
            f"augment_by_class got pairs of {list(pairs)}, and data of the classes {numbers}; "
            "give a pair for each"
        )
    seed = seed_or_fresh(options.get("seed"))
    found = []
    for place, number in enumerate(numbers):
        own = given.number == place
        rest: SweepOptions = {**options, "seed": mix_seed(seed, place) % 2**32}
        found.append(
            augment(
                pairs[number],
                given.x[own],
                given.y[own],
                num_per_class=num_per_class,
                way=way,
                temperature=temperature,
                extrapolate=extrapolate,
                mean=mean,
                **rest,
            )
        )
    x, labels = torch.cat([f.x for f in found]), torch.cat([f.y for f in found])
    made = Split(in_type(x, given.dtype), labels)
    return Augmented(
        made, Split(in_type(given.x, given.dtype), given.y), given.classes, found[0].way
    )
