"""One architecture trained with several weights of the KL."""

from collections.abc import Callable, Sequence
from typing import Any

import pyro

from ...data import Batchable
from ...errors import ConfigError
from ...objectives import Beta
from ...particles.pair import HasPair, is_program, programs_of
from ...runtime.progress import progress_bar
from ...train import fit


def train_by_beta(
    make_pair: Callable[[], HasPair],
    data: Batchable,
    betas: Sequence[float],
    *,
    epochs: int,
    seed: int = 0,
    num_particles: int = 1,
    progress: bool | None = None,
    **training: Any,  # noqa: ANN401 (what `fit` takes)
) -> dict[float, HasPair]:
    """Train one architecture with several weights of the KL: the pairs of `apply.rate_distortion`.

    All start from the same parameters and see the same batches. Pyro's parameter store stays as it
    was; the caller's random streams move.

    Args:
        make_pair: Makes an object with a `model` and a `guide`; called after seeding.
        data: What to train on; see `fit`.
        betas: Weights, each above or equal to zero.
        epochs: Passes over the data, for all alike.
        seed: Of initial parameters, batches and noise.
        num_particles: Of the objective, `objectives.Beta`.
        progress: Show a bar over the pairs; None where there is a terminal or a notebook.
        training: What else `fit` takes: `lr`, `batch_size`, `schedule`, ...; `compile` is "auto"
            where it is not given.

    Returns:
        The trained pairs by beta, in ascending order.

    Raises:
        ConfigError: There are no betas, or one twice, or `make_pair` is no function.

    Source:
        Fixing a Broken ELBO (Alemi et al., 2018), sec. 4, https://arxiv.org/abs/1711.00464

    Example:
        >>> import torch
        >>> from pyrovae.apply import rate_distortion
        >>> from pyrovae.models import ProbabilisticPCA
        >>> x = torch.randn(50, 4)
        >>> pairs = train_by_beta(lambda: ProbabilisticPCA(4, 2), x, [2.0, 0.5], epochs=2)
        >>> [point.beta for point in rate_distortion(pairs, x).points]
        [0.5, 2.0]
    """
    if not is_program(make_pair):
        raise ConfigError(
            f"train_by_beta: make_pair is of type {type(make_pair).__name__}, needs a function "
            "that makes a new pair in every call, such as `lambda: VAE((784,), 20)`"
        )
    if not betas or len(set(betas)) < len(betas):
        raise ConfigError(
            f"train_by_beta got betas={list(betas)}; give one or more weights, each once"
        )
    training = {"compile": "auto", **training}
    found: dict[float, HasPair] = {}
    with progress_bar(len(betas), "pairs", progress) as bar:
        for beta in sorted(betas):
            with pyro.get_param_store().scope():
                pyro.set_rng_seed(seed)
                pair = make_pair()
                programs_of(pair, "train_by_beta: what make_pair makes")
                objective = Beta(float(beta), num_particles)
                fit(pair, data, objective=objective, epochs=epochs, seed=seed, progress=False,
                    **training)  # fmt: skip
            found[float(beta)] = pair
            bar.update()
    return found
