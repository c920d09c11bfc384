"""A background model for likelihood ratios: a pair trained on data with random elements."""

import copy
from typing import Any

import torch
from torch import Tensor

from ....data import Batchable, Dataset, Split, rows
from ....errors import ConfigError
from ....particles.pair import Programs, takes_pair
from ....particles.parameters import trainable
from ....particles.tracing import Program
from ....train import fit
from ....train.run import Run

_FEW = 256  # values that are levels; more are taken as real numbers
_LOOKED_AT = 10_000  # rows


@takes_pair
def fit_background(
    model: Program,
    guide: Program,
    data: Batchable,
    *,
    rate: float = 0.2,
    values: Tensor | None = None,
    **options: Any,  # noqa: ANN401 (of `fit`)
) -> Run:
    """Train a pair on data in which a share of the elements is random, anew in every batch.

    Mutations destroy what is particular of the data and keep what is general: how many pixels are
    empty, how bright the others are.

    Args:
        model: Of a pair that is not trained yet, built as the one whose background it becomes. A
            weaker one does too.
        guide: Likewise.
        data: What the other pair was trained on; see `pyrovae.fit`.
        rate: Share of the elements that are replaced. 0.1 to 0.3 serve images. Which is best
            depends on the foreign data, and choosing it by them is no longer blind: choose it on
            foreign data other than those that are reported.
        values: Levels that a mutation draws from, uniformly [V]; by default those that occur in
            the data, or, where there are more than 256, all between the least and the largest.
        options: `epochs`, `lr`, `objective`, ...: see `pyrovae.fit`.

    Raises:
        ConfigError: `rate` is not a probability.

    Source:
        Likelihood Ratios for Out-of-Distribution Detection (Ren et al., 2019), sec. 3.1,
        https://arxiv.org/abs/1906.02845

    Example:
        >>> from pyrovae.models import VAE
        >>> background, x = VAE((8,), 2), torch.rand(50, 8).round()
        >>> run = fit_background(background, x, rate=0.3, epochs=1, progress=False, device="cpu")
    """
    if not 0 <= rate <= 1:
        raise ConfigError(f"fit_background got rate={rate}; it needs a probability, from 0 to 1")
    levels = _levels(data) if values is None else values.flatten()
    earlier = options.pop("transform", None)

    def mutate(*batch: Tensor) -> tuple[Tensor, ...]:
        made = batch if earlier is None else earlier(*batch)
        x, *others = (made,) if isinstance(made, Tensor) else made
        return mutated(x, rate, levels), *others

    return fit(model, guide, data, transform=mutate, **options)


def background_of(
    pair: Programs, train: Batchable, *, epochs: int, rate: float, seed: int, progress: bool | None
) -> Programs:
    """A copy of a trained pair, trained further on data with random elements.

    Raises:
        ConfigError: The pair has its parameters in Pyro's store, of which there is one.
    """
    model, guide = copy.deepcopy(pair)
    shown = train.binarized(0) if isinstance(train, Split) and train.dynamic else train
    some = rows(shown)[:2]
    own = {t.data_ptr() for t in trainable(*pair, *some).values()}
    if own & {t.data_ptr() for t in trainable(model, guide, *some).values()}:
        raise ConfigError(
            "background_epochs needs a pair that can be copied, and this one has its parameters "
            "in Pyro's store; train a second one with `fit_background`, and give background="
        )
    fit_background(model, guide, train, rate=rate, epochs=epochs, seed=seed, progress=progress)
    return model, guide


def mutated(x: Tensor, rate: float, levels: Tensor) -> Tensor:
    """A copy of x with a random share of its elements replaced, of any shape.

    Args:
        x: Data.
        rate: Probability that an element is replaced.
        levels: Values that the new ones are drawn from, uniformly [V]; of more than 256, every
            number between the least and the largest.
    """
    hit = torch.rand(x.shape, device=x.device) < rate
    levels = levels.to(x)
    if len(levels) > _FEW:
        drawn = levels.min() + (levels.max() - levels.min()) * torch.rand_like(x)
    else:
        drawn = levels[torch.randint(len(levels), x.shape, device=x.device)]
    return torch.where(hit, drawn, x)


def _levels(data: Batchable) -> Tensor:
    """The values that occur in the data."""
    if isinstance(data, Dataset):
        data = data.train
    if isinstance(data, Split):
        if data.dynamic:
            return torch.tensor([0.0, 1.0])
        data = data.x
    return rows(data)[:_LOOKED_AT][0].unique()
