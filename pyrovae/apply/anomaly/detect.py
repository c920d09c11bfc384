"""How well each score tells foreign data from a pair's own."""

from collections.abc import Sequence
from typing import Any, Unpack

import numpy as np
import torch
from torch import Tensor

from ...data import Rows, Split
from ...errors import ConfigError, DataError, SiteError
from ...evaluate import SweepOptions
from ...evaluate.inputs import Data
from ...evaluate.options import seed_or_fresh
from ...evaluate.sweep import sweeps
from ...particles.pair import HasPair, Programs, takes_pair
from ...particles.tracing import Program
from .detector import AnomalyDetector
from .discrimination import discrimination
from .finding import Alarms, Anomalies
from .inputs import as_pair_takes, halves, normal_and_foreign, some_of, without_class
from .scores import LikelihoodRatio, Score, ScoreName, as_score, background_of, score_names

_SHOWN = 12  # images of a row


@takes_pair
@sweeps
def detect_anomalies(
    model: Program,
    guide: Program,
    x: Data,
    *,
    foreign: Data | None = None,
    held_out_class: int | None = None,
    scores: Sequence[ScoreName] | None = None,
    others: Sequence[Score] = (),
    false_alarm_rate: float = 0.05,
    val: Data | None = None,
    val_size: int = 2000,
    background: HasPair | Programs | None = None,
    train: Data | None = None,
    background_epochs: int = 0,
    background_rate: float = 0.2,
    **options: Unpack[SweepOptions],
) -> Anomalies:
    """Compare scores in how well they tell foreign data from a pair's own.

    For each score: AUROC, AUPR and FPR at 95 % of normal data kept, with standard errors over
    data; and what a threshold that is calibrated for a false-alarm rate finds. No score is best
    for all foreign data. Raw likelihoods take data simpler than the pair's own for more normal.
    A score that is chosen by this table is chosen for these foreign data: others may differ.

    Args:
        model: Pyro model p(z)p(x|z).
        guide: Pyro guide q(z|x).
        x: Normal data [N, ...] that the pair was not trained on, of any kind: see `SweepOptions`;
            for a pair of several arguments, such as (x, y), a tuple.
        foreign: Data of another kind, with as many values a datum: any data, or a file of them;
            or a name: "constant", "noise", "shuffled", "inverted" or "mean" make them of the
            normal data (see `apply.foreign_data`).
        held_out_class: The label of `x` (a split with labels) whose data are the foreign ones,
            which the pair should not have been trained on.
        scores: Names of scores: elbo, evidence, reconstruction, kl, latent, typicality,
            complexity; by default all that the pair can have.
        others: Further scores.
        false_alarm_rate: That thresholds are calibrated for.
        val: Normal data that neither trained the pair nor are among x, for calibration; by
            default one half of x, at random.
        val_size: Largest number of them, at random.
        background: A pair that the score "ratio" compares with; see `LikelihoodRatio`.
        train: What the pair was trained on; used for `background_epochs` alone.
        background_epochs: Make a background: train a copy of the pair for so many epochs on data
            with random elements. From Python, train one from the start with `fit_background`.
        background_rate: Share of the elements that are random.
        options: `chunk`, `rows`, `seed`, ...: see `SweepOptions`.

    Raises:
        ConfigError: Foreign data are not given, or given twice; a score that is named cannot be
            had from this pair.
        DataError: `held_out_class` is asked for, and x has no labels or none of that class.
        ShapeError: Foreign data have another number of values.

    Source:
        AUROC and AUPR: Hendrycks & Gimpel (2017), sec. 2, https://arxiv.org/abs/1610.02136; FPR
        at 95 %: Liang et al. (2018), https://arxiv.org/abs/1706.02690; each score: see its class

    Example:
        >>> from pyrovae.data.synthetic import LinearGaussian
        >>> pair = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> x = pair.sample(400, seed=1)
        >>> found = detect_anomalies(pair, x, foreign=x[:100] + 3, scores=["elbo"], seed=2)
        >>> found.discrimination["elbo"].auroc > 0.9
        True
    """
    options["seed"] = seed = seed_or_fresh(options.get("seed"))
    normal, strange = normal_and_foreign(x, foreign, held_out_class, seed, options)
    left: Any = {k: v for k, v in options.items() if k not in ("columns", "transform")}
    if val is None or (isinstance(val, Split) and len(val) == 0):  # a run without one
        kept, normal = halves(normal, seed)
    else:
        kept = as_pair_takes(without_class(val, held_out_class), options)
    kept = some_of(kept, val_size, seed)
    wanted = [as_score(name) for name in (score_names() if scores is None else scores)]
    wanted += list(others)
    if background is None and background_epochs > 0:
        if train is None:
            raise ConfigError("background_epochs needs train=, what the pair was trained on")
        background = background_of(
            (model, guide), train, epochs=background_epochs, rate=background_rate, seed=seed,
            progress=options.get("progress"),
        )  # fmt: skip
    if background is not None:
        wanted.append(LikelihoodRatio(background))
    measured, left_out = {}, {}
    for score in wanted:
        detector = AnomalyDetector(
            model, guide, by=score, false_alarm_rate=false_alarm_rate, seed=seed,
            sweep_options=left,
        )  # fmt: skip
        try:
            detector.fit(kept)
            found = detector.score_samples(normal), detector.score_samples(strange)
        except (ConfigError, DataError, SiteError) as error:
            if scores is not None or score.name not in score_names():
                raise
            left_out[score.name] = str(error)
            continue
        measured[score.name] = detector, *found
    if not measured:
        raise ConfigError(next(iter(left_out.values()), "detect_anomalies got no scores"))
    first = next(iter(measured.values()))
    return Anomalies(
        normal={name: torch.from_numpy(own) for name, (_, own, _) in measured.items()},
        foreign={name: torch.from_numpy(other) for name, (_, _, other) in measured.items()},
        discrimination={
            name: discrimination(own, other, seed=seed)
            for name, (_, own, other) in measured.items()
        },
        alarms={
            name: Alarms(
                detector.offset_,
                float((other < detector.offset_).mean()),
                float((own < detector.offset_).mean()),
                detector.false_alarm_interval_,
            )
            for name, (detector, own, other) in measured.items()
        },
        false_alarm_rate=false_alarm_rate,
        left_out=left_out,
        extremes=_extremes(normal, strange, first[1], first[2], next(iter(measured))),
    )


def _extremes(
    normal: Rows,
    strange: Rows,
    own: np.ndarray,
    other: np.ndarray,
    name: str,
) -> list[tuple[str, Tensor]]:
    """The data at both ends of a score."""
    found = []
    for what, data, scores in (("normal", normal, own), ("foreign", strange, other)):
        order = torch.from_numpy(scores).argsort(descending=True, stable=True)
        for end, places in (("highest", order[:_SHOWN]), ("lowest", order[-_SHOWN:])):
            images = data[places.to(data.device)][0].cpu()
            found.append((f"{what} data of {end} {name}", images))
    return found
