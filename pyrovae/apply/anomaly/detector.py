"""A detector of anomalies in scikit-learn's manner."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.utils.validation import check_is_fitted

from ...data import Rows, rows
from ...data.base import mix_seed
from ...errors import DataError, ShapeError
from ...evaluate import SweepOptions
from ...evaluate.inputs import Data
from ...particles.pair import HasPair, Programs, programs_of
from ...particles.tracing import Program
from .conformal import Calibration
from .inputs import halves
from .scores import Score, as_score


class AnomalyDetector(OutlierMixin, BaseEstimator):
    """Finds data that look foreign to a trained pair, at a stated rate of false alarms.

    `fit` does not train the pair. It sets the threshold on normal data that the pair was not
    trained on, by conformal prediction: of new data that are exchangeable with these, at most a
    share `false_alarm_rate` are called anomalies, in expectation over the calibration data,
    whatever the score. Fitted on training data the threshold is too high, as the pair fits those
    better; under drift the rate is not held. How many anomalies are found is another question,
    that of the score: see `detect_anomalies`.

    It is an estimator of scikit-learn: in `cross_val_score`, `Pipeline`, `clone`. A clone keeps
    the pair itself, which is trained already. Results are numpy arrays. Scores that draw
    particles depend on `seed` and on the place of a datum, by their Monte-Carlo error.

    Args:
        model: A trained pair: one object with `.model` and `.guide`, or the model.
        guide: The guide, where the first argument is the model.
        by: The score: a name ("elbo", "evidence", "reconstruction", "kl", "latent", "typicality",
            "complexity"), or a `Score`, such as `LikelihoodRatio(background)`.
        false_alarm_rate: Of normal data, in (0, 1).
        data_shape: Shape that each row of X is brought to, where a pair of images gets flat rows.
        seed: Of the particles.
        sweep_options: `chunk`, `mode`, ...: see `pyrovae.evaluate.SweepOptions`.

    Attributes:
        score_: The score, with what it learned of normal data.
        calibration_: The scores of the calibration data, and what follows from them.
        offset_: The threshold: data of lower scores are anomalies.
        false_alarm_interval_: Within it the rate of this one calibration lies in 95 % of cases.
        n_features_in_: Numbers a row, where X has rows of numbers.

    Raises:
        ConfigError: From `fit`: there is no such score or rate, or the pair cannot give the score.

    Source:
        Testing for Outliers with Conformal p-values (Bates et al., 2023), sec. 2,
        https://arxiv.org/abs/2104.08279

    Example:
        >>> from pyrovae.data.synthetic import LinearGaussian
        >>> pair = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> detector = AnomalyDetector(pair).fit(pair.sample(500, seed=1).numpy())
        >>> detector.predict(np.full((1, 5), 10.0))
        array([-1])
    """

    def __init__(
        self,
        model: HasPair | Program,
        guide: Program | None = None,
        *,
        by: str | Score = "elbo",
        false_alarm_rate: float = 0.05,
        data_shape: Sequence[int] | None = None,
        seed: int = 0,
        sweep_options: SweepOptions | None = None,
    ) -> None:
        self.model = model
        self.guide = guide
        self.by = by
        self.false_alarm_rate = false_alarm_rate
        self.data_shape = data_shape
        self.seed = seed
        self.sweep_options = sweep_options

    def fit(self, X: Data, y: object = None, *, reference: Data | None = None) -> Self:  # noqa: N803
        """Set the threshold.

        Args:
            X: Normal data [N, ...] of any kind that the pair was not trained on; of a conditional
                pair a tuple (x, labels).
            y: Not used; scikit-learn gives it.
            reference: What a score learns from, such as the mean of `Typicality`: more normal
                data. By default one half of X, at random; the other half sets the threshold.
        """
        pair, source = self._pair(), self._rows(X, first=True)
        score, options = as_score(self.by), self._options(0)
        if score.needs_reference:
            if reference is None:
                taken, source = halves(source, self.seed)
            else:
                taken = self._rows(reference)
            score = score.fitted(pair, taken, options)
        self.score_ = score
        self.calibration_ = Calibration.of(score.measure(pair, source, options).numpy())
        self.offset_ = self.calibration_.threshold(self.false_alarm_rate)
        self.false_alarm_interval_ = self.calibration_.rates(self.false_alarm_rate)
        return self

    def score_samples(self, X: Data) -> np.ndarray:  # noqa: N803
        """The score of each datum [N], float64, in nats: higher is more normal."""
        check_is_fitted(self)
        return self.score_.measure(self._pair(), self._rows(X), self._options(1)).numpy()

    def decision_function(self, X: Data) -> np.ndarray:  # noqa: N803
        """The score minus the threshold [N]: below zero for anomalies."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: Data) -> np.ndarray:  # noqa: N803
        """-1 for an anomaly, 1 for a normal datum [N]; what has no score is an anomaly."""
        return np.where(self.score_samples(X) >= self.offset_, 1, -1)

    def p_values(self, X: Data) -> np.ndarray:  # noqa: N803
        """Conformal p-value of each datum [N]: `predict` is -1 where it is at most the rate.

        P-values of several data share the calibration data and are dependent, in a way in which
        the procedure of Benjamini and Hochberg still holds its rate of false discoveries.
        """
        check_is_fitted(self)
        return self.calibration_.p_values(self.score_samples(X))

    def __sklearn_clone__(self) -> Self:
        return type(self)(**self.get_params(deep=False))

    def __sklearn_tags__(self) -> Any:  # noqa: ANN401 (scikit-learn 1.6 and later)
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = tags.input_tags.three_d_array = True
        return tags

    def _pair(self) -> Programs:
        if self.guide is None:
            return programs_of(self.model, type(self).__name__)
        return self.model, self.guide  # type: ignore[return-value]

    def _options(self, purpose: int) -> SweepOptions:
        """Of the sweeps; calibration data share no draws with others."""
        given: Any = dict(self.sweep_options or {})
        for name in ("columns", "transform"):  # which `_rows` applies
            given.pop(name, None)
        return {**given, "seed": mix_seed(self.seed, purpose) % 2**31}

    def _rows(self, x: Data, *, first: bool = False) -> Rows:
        """The data as the pair takes them."""
        given: Any = self.sweep_options or {}
        found = rows(x, columns=given.get("columns"), transform=given.get("transform"))
        shape = found[:1][0].shape
        self._check_features(shape, len(found), first)
        self._check_names(*found.column_names[:1], first=first)
        if self.data_shape is None:
            return found
        wanted = tuple(self.data_shape)
        if shape[1:].numel() != torch.Size(wanted).numel():
            raise ShapeError(
                f"{type(self).__name__} got rows of shape {list(shape[1:])}, and data_shape="
                f"{wanted} has another number of values"
            )
        return rows(found, transform=lambda x, *others: (x.reshape(-1, *wanted), *others))

    def _check_features(self, shape: torch.Size, count: int, first: bool) -> None:
        """Refuse rows of other numbers than those of `fit`, in scikit-learn's words."""
        name = type(self).__name__
        if len(shape) == 2 and shape[1] == 0:
            raise ShapeError(
                f"{name} got 0 feature(s) (shape=({count}, 0)) while a minimum of 1 is required."
            )
        if first:
            self.__dict__.pop("n_features_in_", None)
            if len(shape) == 2:
                self.n_features_in_ = shape[1]
            return
        known = getattr(self, "n_features_in_", None)
        if known is not None and len(shape) != 2:
            raise ShapeError(
                f"{name} was fitted on rows of {known} numbers, and got {list(shape[1:])} each. "
                "Reshape your data to [N, D]"
            )
        if known is not None and shape[1] != known:
            raise ShapeError(
                f"X has {shape[1]} features, but {name} is expecting {known} features as input"
            )

    def _check_names(self, names: Sequence[Any] = (), *, first: bool) -> None:
        """Refuse columns of a frame in another order than those of `fit`."""
        if first:
            self.__dict__.pop("feature_names_in_", None)
            if names:
                self.feature_names_in_ = np.array(names, dtype=object)
        elif names and list(names) != list(getattr(self, "feature_names_in_", names)):
            raise DataError(
                "The feature names should match those that were passed during fit: "
                f"{list(self.feature_names_in_)}, and not {list(names)}"
            )
