"""How good the data are that a pair generates."""

from collections.abc import Callable
from typing import Any, Literal, Unpack

import torch
from torch import Tensor

from ...data import Split
from ...data.base import mix_seed
from ...errors import DataError
from ...particles.pair import takes_pair
from ...particles.simulate import simulate
from ...particles.tracing import Program
from ..block import Block
from ..codes import check_no_codes
from ..inputs import Data, Inputs, as_data
from ..options import SweepOptions, seed_or_fresh
from ..own_steps import check_no_own_steps
from ..sweep import Sweep, sweep_over, sweeps
from .features import Features, features_of
from .frechet import frechet_distance
from .kernel_distance import kernel_distance
from .neighbours import nearest_distances, overlap
from .result import Quality, SampleQuality, closer_than

FeatureKind = Literal["auto", "classifier", "pca", "raw"]
"""Which features are made here; "auto" is a classifier where there are labels."""

_SHOWN = 10  # samples in the picture
_LARGEST = 20_000  # data of the training in which the nearest is sought


@takes_pair
@sweeps
def sample_quality(
    model: Program,
    guide: Program,
    x: Data,
    *args: Any,  # noqa: ANN401 (whatever the pair takes)
    train: Data,
    features: FeatureKind | Callable[[Tensor], Tensor] = "auto",
    nearest: int = 5,
    mean: bool = False,
    **options: Unpack[SweepOptions],
) -> SampleQuality:
    """Compare generated data with training data, beside what held-out data would give.

    Three sets of N data are compared with N training data in some features: the held-out data x
    themselves (what a perfect model would reach), as many samples of the model, and
    reconstructions of x. The measures are the Frechet distance, the kernel distance, precision and
    recall, density and coverage, and how often they are closer to a training datum than held-out
    data are. For the sources of each see `evaluate.quality`.

    Features decide what is seen. By default they are the last hidden layer of a small classifier
    that is trained here on the labels of `train`: differences that do not matter to the classes
    do not count. Without labels they are 32 principal components, or the data where they are no
    more. Numbers of other features, or of another N, cannot be compared with these, nor with
    published FIDs, which are of an Inception network.

    Args:
        model: Pyro model p(z)p(x|z), called as `model(x, *args)`.
        guide: Pyro guide q(z|x), called likewise.
        x: Held-out data [N, ...] of any kind: see `SweepOptions`. Samples are as many, drawn with
            the same further arguments.
        train: Training data, at least N, of the same kind as x, with labels `y` if it is a
            `Split`. Data that are drawn anew in each pass, such as probabilities of binary data,
            must have been drawn in both.
        features: "classifier" of the labels, "pca", "raw", or a function that maps data [N, ...]
            to a table [N, F].
        nearest: k of the measures that look at neighbours.
        mean: Take the mean of p(x|z) instead of a draw of it, as pictures mostly show. Means have
            no noise, and the data do: the measures then differ for that reason alone.
        options: `chunk`, `rows`, `seed`, ...: see `SweepOptions`.

    Raises:
        ConfigError: There are no such features.
        DataError: The data are codes and `features` is no function; there are fewer training than
            held-out data, not more than k, no labels where a classifier is asked for, or features
            that are no table; or the model draws each step given the data's own steps.
        ShapeError: The model observes no site that holds the data.

    Example:
        >>> from pyrovae.data.synthetic import LinearGaussian
        >>> pair = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> x, train = pair.sample(200, seed=1), pair.sample(300, seed=2)
        >>> found = sample_quality(pair.model, pair.guide, x, train=train, seed=3)
        >>> abs(found["samples"].kernel) < 5 * found["samples"].kernel_error
        True
    """
    sweep = sweep_over(model, guide, x, args, 1, options)
    sweep.check_data_are_apart("samples")
    if not callable(features):
        check_no_codes(sweep, "sample_quality", "give features=, a function of the data")
    check_no_own_steps(sweep, "sample_quality")
    seed = seed_or_fresh(sweep.seed)
    held_out, reference, labels = _data(sweep, train)
    made = {
        "held-out data": held_out,
        "samples": _drawn(sweep, mix_seed(seed, 0), None, mean),
        "reconstructions": _drawn(sweep, mix_seed(seed, 1), guide, mean),
    }
    order = torch.randperm(len(reference), generator=torch.Generator().manual_seed(seed))
    compared, others = order[: len(held_out)], order[len(held_out) :]
    # A classifier knows what it was trained on too well; others are left where there are many.
    own = others if len(others) >= len(compared) else order
    known = None if labels is None else labels[own.to(labels.device)]
    found = features_of(features, reference[own], known, seed)
    some = found(reference[compared])
    whole = torch.cat([some, found(reference[others[: max(0, _LARGEST - len(compared))]])])
    of_all = {name: found(data.to(reference.device)) for name, data in made.items()}
    distances = {name: nearest_distances(each, whole) for name, each in of_all.items()}
    rows = tuple(
        _row(name, each, some, nearest, closer_than(distances[name], distances["held-out data"]))
        for name, each in of_all.items()
    )
    samples = made["samples"][:_SHOWN].cpu()
    places = torch.cdist(of_all["samples"][:_SHOWN], whole).argmin(1)
    return SampleQuality(
        rows=rows,
        num_data=len(held_out),
        num_features=some.shape[1],
        features=found.source,
        accuracy=_accuracy(found, x, of_all["held-out data"]),
        nearest=nearest,
        shown={"samples": samples, "nearest": reference[order[places]].cpu()},
    )


def _row(name: str, features: Tensor, real: Tensor, nearest: int, closer: float) -> Quality:
    kernel = kernel_distance(features, real)
    shared = overlap(real, features, nearest=nearest)
    return Quality(
        name=name,
        frechet=frechet_distance(features, real),
        kernel=kernel.value,
        kernel_error=kernel.standard_error,
        **shared._asdict(),
        closer=closer,
    )


def _data(sweep: Sweep, train: Data) -> tuple[Tensor, Tensor, Tensor | None]:
    """Held-out data and training data in one type, and the labels of the latter.

    Raises:
        DataError: There are too few of the latter, or they are of another shape.
    """
    held_out = torch.cat(sweep.each(lambda block: block.args[0].cpu()))
    source = Inputs.of(train, columns=sweep.columns, transform=sweep.transform).source
    reference = source[: len(source)][0].to(sweep.device)
    if reference.shape[1:] != held_out.shape[1:] or len(reference) < len(held_out):
        raise DataError(
            f"sample_quality got train {list(reference.shape)} and x {list(held_out.shape)}; give "
            "training data of the same shape, at least as many as x"
        )
    labels = train.y if isinstance(train, Split) else None
    return held_out, reference.to(held_out.dtype), labels


def _drawn(sweep: Sweep, seed: int, guide: Program | None, mean: bool) -> Tensor:
    """Samples of the model, or reconstructions where there is a guide, on the CPU [N, ...]."""

    def run(block: Block) -> Tensor:
        sites = simulate(block.model, *block.args, guide=guide, mean=mean)
        return as_data(sites, block.args[0]).cpu()

    return torch.cat(sweep.again(seed=seed % 2**32).each(run))


def _accuracy(found: Features, x: Data, features: Tensor) -> float:
    if found.classify is None or not isinstance(x, Split) or x.y is None:
        return float("nan")
    with torch.no_grad():
        guessed = found.classify(features)
    return float((guessed.cpu() == x.y.cpu()).double().mean())
