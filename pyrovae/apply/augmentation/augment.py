"""Labelled data made by a trained pair, for small labelled sets."""

from typing import Any, Literal, Unpack, get_args

import torch
from torch import Tensor

from ...data import Split
from ...data.base import mix_seed
from ...errors import ConfigError
from ...evaluate.inputs import Data
from ...evaluate.options import SweepOptions, seed_or_fresh
from ...evaluate.sweep import sweep_over, sweeps
from ...particles.pair import takes_pair
from ...particles.tracing import Program
from ..labels import takes_label
from ..temperature import tempered
from .augmented import Augmented
from .given import Given, in_type, labelled_data
from .making import FromPosterior, FromPrior

Way = Literal["auto", "prior", "posterior"]


@takes_pair
@sweeps
def augment(
    model: Program,
    guide: Program,
    train: Data,
    y: Any = None,  # noqa: ANN401 (labels of any kind)
    *,
    num_per_class: int = 100,
    way: Way = "auto",
    temperature: float = 1.0,
    extrapolate: float = 0.0,
    mean: bool = False,
    with_given: bool = False,
    site: str | None = None,
    **options: Unpack[SweepOptions],
) -> Augmented:
    r"""Make labelled data from a few labelled data.

    "prior" makes data of each class from nothing: z ~ p(z|y), x' ~ p(x|z, y). It needs a pair that
    is called as (x, y), or one whose latent `site` is the class, or data of one class alone (see
    `augment_by_class` for a pair per class). "posterior" makes data around given ones, whose
    label they keep: z ~ q(z|x), x' ~ p(x|z), with any pair. "auto" is "prior" for a pair that
    takes the label, else "posterior".

    The pair decides what is gained. One that was trained on the same few labels adds what it
    assumes, such as smoothness, and no further data; shifting and turning the images often adds
    more. One that has also seen unlabelled data knows more than the labels tell. Draws around a
    datum near the border of its class may cross it, the more so the higher the temperature, and
    their labels are then wrong. Measure on held-out data whether it helps.

    Args:
        model: Pyro model, called as `model(x)` or `model(x, y)`.
        guide: Pyro guide, called likewise.
        train: Labelled data [N, ...] of any kind: x, or x and y. Rows whose label is -1 are left
            out.
        y: Labels, whole numbers [N] or one-hot vectors, where `train` does not hold them.
        num_per_class: How many data to make of each class.
        way: See above.
        temperature: Of "posterior": z = m + T (draw - m), m the guide's mean.
        extrapolate: Of "posterior": z + c (z - z'), z' the code of another datum of the class.
            Below 0 it lies between the two, above 0 beyond; the paper takes 0.5.
        mean: The mean of p(x|z); else a draw. Means of binary data are grey.
        with_given: The arrays of the result, which the command writes, begin with the given data.
        site: A discrete latent of the model whose values are the classes.
        options: `chunk`, `rows`, `seed`, ...: see `SweepOptions`.

    Raises:
        ConfigError: "prior" with a pair that does not know the class, or an option of "posterior"
            with "prior"; or there is no such way.
        DataError: There are no labels.
        SiteError: The mean of a latent is needed, and not known in closed form.

    Source:
        Semi-supervised Learning with Deep Generative Models (Kingma et al., 2014), sec. 4.2,
        https://arxiv.org/abs/1406.5298; extrapolation: Dataset Augmentation in Feature Space
        (DeVries & Taylor, 2017), sec. 3.2, https://arxiv.org/abs/1702.05538

    Example:
        >>> from pyrovae.models import VAE
        >>> pair, x = VAE((1, 4, 4), 2), torch.ones(6, 1, 4, 4)
        >>> augment(pair, x, [0, 0, 0, 1, 1, 1], num_per_class=10).split
        Split(20 x [1, 4, 4] float32, labels int64)
    """
    if num_per_class < 1:
        raise ConfigError(f"augment got num_per_class={num_per_class}; it needs 1 or more")
    given = labelled_data(train, y, options.get("columns"), options.get("transform"))
    options = {**options, "columns": None, "transform": None}
    has_label = takes_label(model, guide)
    chosen = _way(way, has_label or site is not None, len(given.classes))
    if chosen == "prior" and (temperature != 1 or extrapolate):
        raise ConfigError(
            "augment draws from the prior, and temperature and extrapolate are of codes of data; "
            'take way="posterior", or leave them out'
        )
    around = FromPosterior(tempered(temperature, "augment"), extrapolate, mean)
    seed = seed_or_fresh(options.get("seed"))
    made: list[Any] = []
    for number, label in enumerate(given.classes):
        sources = _sources(given, number, num_per_class, seed, bool(extrapolate))
        data = (given.x[sources], given.y[sources]) if has_label else given.x[sources]
        own: SweepOptions = {**options, "seed": mix_seed(seed, number) % 2**32}
        sweep = sweep_over(model, guide, data, (), 1, own)
        if extrapolate:  # rows come in pairs
            sweep = sweep.again(rows=sweep.shape[0] + sweep.shape[0] % 2)
        if chosen == "prior":
            made += sweep.each(FromPrior({} if site is None else {site: label}, mean))
        else:
            made += sweep.each(around)
    x = in_type(torch.cat(made), given.dtype)
    labels = given.classes.repeat_interleave(num_per_class, 0)
    return Augmented(Split(x, labels), Split(in_type(given.x, given.dtype), given.y),
                     given.classes, chosen, with_given)  # fmt: skip


def _way(way: Way, knows_class: bool, num_classes: int) -> str:
    if way not in get_args(Way):
        raise ConfigError(f'augment got way={way!r}; take "auto", "prior" or "posterior"')
    if way == "auto":
        return "prior" if knows_class else "posterior"
    if way == "prior" and not knows_class and num_classes > 1:
        raise ConfigError(
            "augment: the pair is called with the data alone and cannot make data of a chosen "
            'class; take way="posterior", a pair that is called as (x, y), site= for a latent '
            "that is the class, or a pair for each class: augment_by_class"
        )
    return way


def _sources(given: Given, number: int, count: int, seed: int, paired: bool) -> Tensor:
    """The rows of a class of which data are made; where paired, each before another of them."""
    firsts = given.rows_of(number, count, mix_seed(seed, number, 0))
    if not paired:
        return firsts
    others = given.others_of(number, firsts, mix_seed(seed, number, 1))
    return torch.stack([firsts, others], 1).flatten()
