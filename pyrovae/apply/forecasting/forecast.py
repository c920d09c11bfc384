"""Forecast the last steps of series, and score the forecasts on what they were."""

from collections.abc import Sequence
from typing import Any

import pyro
import torch
from torch import Tensor

from ...data import Dataset, Split, rows
from ...errors import ConfigError, DataError
from ...evaluate.options import seed_or_fresh
from ...models.capabilities import Forecasts
from ...particles.isolation import isolated
from ...particles.pair import takes_pair
from ...particles.tracing import Program
from .baselines import autoregression, random_walk
from .finding import Forecast
from .held_back import held_back
from .scores import recalibrated, scores_of


@takes_pair
def forecast(
    model: Program,
    guide: Program,
    x: Any,  # noqa: ANN401 (data of any kind)
    *,
    horizon: int = 10,
    num_samples: int = 500,
    levels: list[float] | None = None,
    train: Any | None = None,  # noqa: ANN401
    val: Any | None = None,  # noqa: ANN401
    order: int = 5,
    seed: int | None = None,
) -> Forecast:
    """Forecast the last steps of held-out series, and compare with what came.

    The pair's own method `forecast` draws: see `DeepMarkovModel.forecast`. Beside it stand a
    random walk from the last value, and a linear autoregression with normal noise. Where a pair
    does not beat the latter, its latents are of no use for forecasts.

    Args:
        model: Pyro model of a pair that forecasts, such as the method of a `DeepMarkovModel`.
        guide: Its guide.
        x: Held-out series [B, T, D] of any kind, with lengths or masks where the pair takes them.
        horizon: Steps that are held back and forecast, H.
        num_samples: Draws for each series, S.
        levels: Of the central intervals; .5, .8, .9 and .95 by default.
        train: Series to which the autoregression is fitted; by default what is left of x.
        val: Validation series, on which the intervals are calibrated: those are taken that covered
            the wanted share of the last steps there. By default they are the model's own.
        order: Steps that the autoregression sees.
        seed: Of the draws; None takes a fresh one from torch's global stream.

    Raises:
        ConfigError: The pair cannot forecast, the horizon is below one, or a level is out of
            range.
        DataError: No series is longer than the horizon, or they hold NaN.

    Source:
        Strictly Proper Scoring Rules, Prediction, and Estimation (Gneiting & Raftery, 2007)

    Example:
        >>> from pyrovae import DeepMarkovModel
        >>> dmm = DeepMarkovModel((12, 1), latent_dim=2)
        >>> found = forecast(dmm, dmm.generate(6, mean=False), horizon=3, num_samples=50)
        >>> found.draws.shape, list(found.scores)
        (torch.Size([50, 6, 3, 1]), ['pair', 'autoregression', 'random walk'])
    """
    pair = getattr(model, "__self__", model)
    if not isinstance(pair, Forecasts):
        raise ConfigError(
            f"the pair, of type {type(pair).__name__}, has no method forecast(x, horizon, y); "
            "take a family of time series, such as DeepMarkovModel or VariationalRNN"
        )
    levels = [0.5, 0.8, 0.9, 0.95] if levels is None else list(levels)
    if not levels or not all(0 < level < 1 for level in levels) or num_samples < 2:
        raise ConfigError(
            f"forecast got levels={levels} and num_samples={num_samples}; levels lie between 0 "
            "and 1, such as 0.9, and there are two samples or more"
        )
    data = held_back(*_series(x, "x", pair), horizon)
    val = val.val if isinstance(val, Dataset) else val
    known = None if val is None or not len(val) else held_back(*_series(val, "val", pair), horizon)
    with isolated(), torch.no_grad():
        pyro.set_rng_seed(seed_or_fresh(seed))
        draws = pair.forecast(data.x, horizon, data.y, num_samples=num_samples).cpu()
        taken = None
        if known is not None:
            told = pair.forecast(known.x, horizon, known.y, num_samples=num_samples).cpu()
            taken = recalibrated(told, known.truth.cpu(), known.seen.cpu(), levels)
        noise = torch.Generator().manual_seed(int(torch.randint(2**31, ())))
    truth, seen = data.truth.cpu(), data.seen.cpu()
    scores = {"pair": scores_of(draws, truth, seen, levels)}
    if taken is not None:
        scores["pair, calibrated"] = scores_of(draws, truth, seen, taken)
    if data.y is None or data.y.dim() == 1:  # with missing values they are not defined
        fitted = data.x, data.lengths
        if train is not None:
            fitted = _fitted_to(*_series(train, "train", pair))
        others = {
            "autoregression": autoregression(data, fitted, order, num_samples, noise),
            "random walk": random_walk(data, num_samples, noise),
        }
        scores |= {n: scores_of(made.cpu(), truth, seen, levels) for n, made in others.items()}
    return Forecast(
        given=data.x.cpu(),
        lengths=data.lengths.cpu(),
        truth=truth,
        draws=draws,
        levels=tuple(levels),
        taken=tuple(levels if taken is None else taken),
        scores=scores,
    )


def _fitted_to(x: Tensor, y: Tensor | None) -> tuple[Tensor, Tensor]:
    whole = torch.full((len(x),), x.shape[1], device=x.device)
    return x, whole if y is None else y


def _series(data: Any, name: str, pair: Any) -> tuple[Tensor, Tensor | None]:  # noqa: ANN401
    """x and its lengths or mask, on the device of the pair and of its type."""
    takes_y = bool(getattr(pair, "takes_labels", False))
    if isinstance(data, Dataset):
        data = data.test if name == "x" else data.train
    if isinstance(data, Split) and takes_y and data.y is not None:
        data = data.labelled()
    parts: Sequence[Tensor] = rows(data)[:]
    if takes_y and len(parts) < 2:
        raise DataError(
            f"forecast got {name} without a second tensor, and the pair takes one, lengths or a "
            "mask: give (x, y), or a split that holds y"
        )
    found = parts[0]
    if takes_y and parts[1].shape == found.shape:  # what stands in the place of missing values
        found = torch.where(parts[1].bool(), found, 0.0)
    if not bool(found.isfinite().all()):
        raise DataError(f"forecast: {name} holds NaN or infinity; cut the series there")
    like = next(iter(getattr(pair, "parameters", list)()), found)
    return found.to(like), parts[1].to(like.device) if takes_y else None
