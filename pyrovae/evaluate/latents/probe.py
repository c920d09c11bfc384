"""What can be predicted from posterior means by a model fitted on few labels (M1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ...data import Split
from ...distributions.labelled_categorical import UNKNOWN
from ...errors import DataError
from ...particles.modes import Mode
from ...particles.one_by_one import warned_once
from ...particles.pair import takes_pair
from ...particles.tracing import Program
from .posterior_means import posterior_means

if TYPE_CHECKING:
    from sklearn.base import ClassifierMixin


@takes_pair
def probe(
    model: Program,
    guide: Program,
    train: Split,
    test: Split,
    *,
    site: str | None = None,
    classifier: ClassifierMixin | None = None,
    seed: int = 0,
    vectorize_particles: bool = True,
    mode: Mode = "evaluation",
) -> float:
    """Test accuracy of a classifier that is fitted on E_q[z] of the labelled data.

    For labels that are real numbers it is R^2, the share of their variance that a ridge regression
    explains.

    The pair is called as `model(x)` and `guide(x)`, and is trained without labels. This is the
    second step of model M1 in the paper.

    Args:
        model: Pyro model of a trained pair.
        guide: Its guide.
        train: Labels `y` [N], -1 where they are not known; those rows are left out.
        test: With all labels.
        site: Name of the latent; may be left out where there is only one.
        classifier: Of scikit-learn, or a regressor; by default a logistic regression (a ridge
            regression). It gets the posterior means unscaled: standardised, unused units would
            weigh as much as others. `apply.features` compares with other features, at several
            numbers of labels.
        seed: Of the draws, where the guide does not state its mean.
        vectorize_particles: See `SweepOptions`, as for `mode`.

    Returns:
        Share of the test data that are classified right, or R^2.

    Raises:
        DataError: Labels are missing, or are of one class alone.

    Source:
        Semi-supervised Learning with Deep Generative Models (Kingma et al., 2014), sec. 2.1
        ("latent-feature discriminative model"), https://arxiv.org/abs/1406.5298
    """
    if train.y is None or test.y is None or bool(_unknown(test.y).any()):
        raise DataError("probe needs labels: some of train's, and all of test's")
    is_class = not train.y.is_floating_point()
    few = train[~_unknown(train.y)]
    if is_class and len(few.y.unique()) < 2:
        raise DataError(
            f"probe got {len(few)} labelled data, not of two classes; a classifier needs that"
        )
    # Imported late: it takes a second.
    from sklearn.linear_model import LogisticRegression, Ridge

    chosen: Any = classifier
    if classifier is None:
        chosen = LogisticRegression(max_iter=1000) if is_class else Ridge()
    with warned_once():
        train_means, test_means = (
            posterior_means(
                model,
                guide,
                split.x,
                site=site,
                seed=seed,
                vectorize_particles=vectorize_particles,
                mode=mode,
            ).numpy()
            for split in (few, test)
        )
    chosen.fit(train_means, few.y.cpu().numpy())
    return float(chosen.score(test_means, test.y.cpu().numpy()))


def _unknown(y: Tensor) -> Tensor:
    """Which labels are not known [N]; values are all known."""
    return (y == UNKNOWN) if not y.is_floating_point() else torch.zeros_like(y, dtype=torch.bool)
