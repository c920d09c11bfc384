"""A sample of MNIST that comes with the library."""

from pathlib import Path

import numpy as np
import torch

from ...errors import DataError, first_line
from ..base import Binarize, Dataset
from .base import BROKEN, from_levels

_FILE = Path(__file__).with_name("mnist_sample.npz")


def mnist_sample(
    *,
    binarize: Binarize | None = None,
    unit: bool = False,
    val_size: int = 500,
    test_size: int = 1_000,
    seed: int = 0,
) -> Dataset:
    """A sample of MNIST, [N, 1, 28, 28]: 5,000 + 1,000 images that need no download, class as `y`.

    Training images were selected from the training file of MNIST and test images from its test
    file: each digit as often as it is there in proportion, evenly spaced over the file. `val` is a
    random part of the training images; `test` has a fixed random order. A model that was trained
    on so few overfits sooner and scores worse than one trained on
    `mnist`: say in a table which it was.

    Args:
        binarize: None keeps the integer grey levels 0..255. "dynamic" draws pixels with
            probability level / 255, anew on every pass over `train`, once for `val` and `test`;
            "static" draws every split once.
        unit: Scale grey levels to [0, 1]; these are not Bernoulli observations.
        val_size: Number of training rows for `val`; with 0 it is empty.
        test_size: Number of test rows, the first of their fixed order; 1,000 are all.
        seed: Seed of the choice of these rows and of the fixed binary draws.

    Raises:
        DataError: The file is missing or damaged, `val_size` leaves nothing to train on, or there
            are not as many test rows as `test_size`.
        ConfigError: `binarize` is unknown.

    Source:
        The MNIST database of handwritten digits (LeCun and Cortes), under CC BY-SA 3.0: see
        `mnist_sample.md` beside this file. `benchmarks/mnist_sample.py` makes the selection.

    Example:
        >>> mnist_sample(binarize="dynamic").train
        Split(4500 x [1, 28, 28] float32, labels int64, dynamic)
    """
    try:
        with _FILE.open("rb") as file:  # given a path, numpy leaves the file open if it is bad
            stored = np.load(file, allow_pickle=False)
            halves = [
                (torch.from_numpy(stored[f"x_{half}"]).unsqueeze(1),
                 torch.from_numpy(stored[f"y_{half}"]))
                for half in ("train", "test")
            ]  # fmt: skip
    except BROKEN as error:
        raise DataError(
            f"mnist_sample: {_FILE}, which comes with pyrovae, is missing or damaged "
            f"({type(error).__name__}: {first_line(error)}); install pyrovae again"
        ) from error
    train, (x, y) = halves
    if not 0 <= test_size <= len(x):
        raise DataError(f"mnist_sample: test_size={test_size}; give a number from 0 to {len(x)}")
    test = x[:test_size], y[:test_size]
    unit = unit or binarize is not None
    data = from_levels("mnist_sample", train, test, unit=unit, val_size=val_size, seed=seed)
    return data if binarize is None else data.binarized(binarize, seed)
