"""Posterior means as a transformer of scikit-learn."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from ...data import rows
from ...errors import DataError
from ...evaluate.latents.posterior_means import joined_means
from ...evaluate.options import SweepOptions
from ...evaluate.sweep import sweep_over
from ...particles.modes import Mode
from ...particles.pair import programs_of


class Features(TransformerMixin, BaseEstimator):
    """Turns data into E_q[z|x], the posterior means of a trained pair, in scikit-learn's manner.

    `fit` trains nothing: it looks at the data once and remembers their shape. So a `Pipeline` can
    be fitted on few labelled data with features that were learned on many unlabelled ones.

    Args:
        pair: A trained pair: an object with `model` and `guide`, both called with the data alone,
            or a tuple of the two programs.
        site: Name of the latent; by default the latents that are real numbers, side by side.
        data_shape: Shape of a datum, where the tables [N, D] that scikit-learn handles must be
            brought to another one, such as (1, 28, 28).
        num_particles: Over which the mean is averaged, where the guide does not state it.
        seed: Of these draws.
        mode: Of the networks: see `pyrovae.evaluate.SweepOptions`.

    Raises:
        DataError: From a call: data of another kind or size.

    Example:
        >>> from pyrovae.data.synthetic import LinearGaussian
        >>> pair = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> Features(pair).fit_transform(pair.sample(10, seed=1)).shape
        (10, 2)
    """

    def __init__(
        self,
        pair: Any,  # noqa: ANN401
        *,
        site: str | None = None,
        data_shape: Sequence[int] | None = None,
        num_particles: int = 100,
        seed: int = 0,
        mode: Mode = "evaluation",
    ) -> None:
        self.pair, self.site, self.data_shape = pair, site, data_shape
        self.num_particles, self.seed, self.mode = num_particles, seed, mode

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: ANN401, N803 (scikit-learn's names)
        """Remember the size of a datum and of its features. X: data [N, ...] of any kind."""
        first = self._tensor(X)[:1]
        self.n_features_in_ = first[0].numel()
        self.num_features_ = self._means(first).shape[1]
        return self

    def transform(self, X: Any) -> np.ndarray:  # noqa: ANN401, N803
        """Posterior means [N, L], float64."""
        check_is_fitted(self)
        x = self._tensor(X)
        if x[0].numel() != self.n_features_in_:
            raise DataError(
                f"Features was fitted on data of {self.n_features_in_} numbers each, and got "
                f"{x[0].numel()}"
            )
        return self._means(x).numpy()

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:  # noqa: ANN401
        """z0, z1, ..."""
        check_is_fitted(self)
        return np.asarray([f"z{i}" for i in range(self.num_features_)], dtype=object)

    def _tensor(self, x: Any) -> Tensor:  # noqa: ANN401
        table = rows(x)
        data = table[: len(table)][0]
        if self.data_shape is None:
            return data
        if data[0].numel() != torch.Size(self.data_shape).numel():
            raise DataError(
                f"Features got data of shape {list(data.shape[1:])}, which do not fill "
                f"data_shape={tuple(self.data_shape)}"
            )
        return data.reshape(len(data), *self.data_shape)

    def _means(self, x: Tensor) -> Tensor:
        model, guide = (
            self.pair if isinstance(self.pair, tuple) else programs_of(self.pair, "Features")
        )
        options = SweepOptions(seed=self.seed, mode=self.mode)
        sweep = sweep_over(model, guide, x, (), self.num_particles, options)
        return joined_means(sweep, None if self.site is None else [self.site])
