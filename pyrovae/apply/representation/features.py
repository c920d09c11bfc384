"""What the latents of a trained pair are worth as features, at few labels."""

from collections.abc import Sequence
from typing import Any, Unpack

import numpy as np
import torch
from torch import Tensor

from ...data import Split
from ...errors import ConfigError, DataError
from ...evaluate.inputs import Data
from ...evaluate.latents.linear_probe import Standardise, linear_probe
from ...evaluate.latents.posterior_means import joined_means
from ...evaluate.options import SweepOptions
from ...evaluate.sweep import sweep_over, sweeps
from ...particles.one_by_one import warned_once
from ...particles.pair import takes_pair
from ...particles.tracing import Program
from ..labels import needs_label
from .chosen import choices, known_rows, labelled_split
from .probed import Probed


@takes_pair
@sweeps
def features(
    model: Program,
    guide: Program,
    x: Data,
    y: Any = None,  # noqa: ANN401 (labels of any kind)
    *,
    train: Split,
    num_labelled: Sequence[int] = (50, 100, 500),
    num_repeats: int = 5,
    site: str | None = None,
    standardise: Standardise = "together",
    num_particles: int = 100,
    **options: Unpack[SweepOptions],
) -> Probed:
    """Compare linear models of E_q[z|x], of the elements of x, and of their principal components.

    Some of the training data are labelled, again and again others; a linear model is fitted on
    them, and scored on test data. All three kinds of features are standardised alike and get the
    same labels, within which the penalty is chosen by cross-validation. The principal components
    are those of all training data, without labels, as many as the pair has latent units: what a
    linear model without noise would have found there.

    A linear model of the elements is not the best that can be had without a pair. Where there are
    many labels, networks or kernels on the elements do better than any of the three.

    Args:
        model: Pyro model, called as `model(x)`.
        guide: Pyro guide, called likewise, trained without labels.
        x: Test data [N, ...] of any kind, or with their labels.
        y: Labels of the test data [N]: whole numbers are classes, real numbers values to regress.
        train: The data of the training with labels `y` [M], -1 where one is not known.
        num_labelled: How many of them are labelled; classes in proportion.
        num_repeats: Choices of the labelled data, over which means and errors are taken.
        site: Name of the latent; by default all that are real numbers, side by side.
        standardise: Features are divided by one scale, "together", or "each" by its own: units
            that the pair does not use then weigh as much as others, which costs much at few
            labels.
        num_particles: Over which a posterior mean is averaged, where the guide does not state it.
        options: `chunk`, `rows`, `seed`, ...: see `SweepOptions`.

    Raises:
        ConfigError: The pair takes the label: its latents do not hold what it was told.
        DataError: Labels are missing, or fewer than asked for.

    Source:
        Semi-supervised Learning with Deep Generative Models (Kingma et al., 2014), sec. 2.1
        ("latent-feature discriminative model"), https://arxiv.org/abs/1406.5298

    Example:
        >>> from pyrovae.data.synthetic import LinearGaussian
        >>> pair = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> x = pair.sample(200, seed=1)
        >>> split = Split(x, y=(x[:, 0] > 0).long())
        >>> found = features(pair, split[:100], train=split[100:], num_labelled=[20], seed=0)
        >>> found.scores["latents"].shape
        torch.Size([1, 5])
    """
    if needs_label(model, guide):
        raise ConfigError(
            "features: the pair is called as (x, y), so that its latents given x and y hold what "
            "y does not say; take a pair that is called with x alone"
        )
    if num_repeats < 1:
        raise ConfigError(f"features got num_repeats={num_repeats}; it needs 1 or more")
    test, few = labelled_split(x, y, options), known_rows(train)
    if test.y.is_floating_point() != few.y.is_floating_point():
        raise DataError(
            f"features got labels of type {few.y.dtype} for train and {test.y.dtype} for the test "
            "data; give both whole numbers (classes), or both real numbers"
        )
    seed = options.get("seed") or 0
    chosen = [choices(few.y, count, num_repeats, seed) for count in num_labelled]  # M x [S, n]
    used, places = torch.cat([found.flatten() for found in chosen]).unique(return_inverse=True)
    placed = [part.reshape(found.shape) for part, found in zip(
        places.split([found.numel() for found in chosen]), chosen, strict=True)]  # fmt: skip
    parts = few[used], test
    latents = _latents(model, guide, parts, site, num_particles, options)
    kinds = {
        "latents": latents,
        "raw": [_table(part.x) for part in parts],
        "PCA": _principal(train, parts, latents[0].shape[1]),
    }
    targets = [part.y.cpu().numpy() for part in parts]
    scores = {
        kind: torch.tensor(
            [
                [_score(tables, targets, rows.numpy(), standardise, seed) for rows in found]
                for found in placed
            ],
            dtype=torch.float64,
        )
        for kind, tables in kinds.items()
    }
    score = "R^2" if test.y.is_floating_point() else "accuracy"
    return Probed(scores, tuple(num_labelled), score, latents[0].shape[1], len(test))


def _latents(
    model: Program,
    guide: Program,
    parts: Sequence[Split],
    site: str | None,
    num_particles: int,
    options: SweepOptions,
) -> list[np.ndarray]:
    own: SweepOptions = {**options, "columns": None, "transform": None}
    names = None if site is None else [site]
    with warned_once():
        return [
            joined_means(sweep_over(model, guide, p.x, (), num_particles, own), names).numpy()
            for p in parts
        ]


def _principal(train: Split, parts: Sequence[Split], size: int) -> list[np.ndarray]:
    """Principal components of the training data, without their labels."""
    from sklearn.decomposition import PCA

    table = _table(train.x)
    pca = PCA(min(size, *table.shape), random_state=0).fit(table)
    return [pca.transform(_table(part.x)) for part in parts]


def _score(
    tables: Sequence[np.ndarray],
    targets: Sequence[np.ndarray],
    rows: np.ndarray,
    standardise: Standardise,
    seed: int,
) -> float:
    fitted: Any = linear_probe(targets[0][rows], standardise=standardise, seed=seed)
    with np.errstate(invalid="ignore"):  # of features that do not vary, as codes that are all one
        fitted.fit(tables[0][rows], targets[0][rows])
    return float(fitted.score(tables[1], targets[1]))


def _table(x: Tensor) -> np.ndarray:
    found: np.ndarray = x.cpu().flatten(1).double().numpy()
    return found
