"""Handwritten digits that need no download."""

import torch

from .base import Binarize, Dataset, Split, partition


def digits(
    *,
    binarize: Binarize | None = None,
    unit: bool = False,
    val_size: int = 200,
    test_size: int = 400,
    seed: int = 0,
) -> Dataset:
    """The 1,797 digits embedded in scikit-learn, [N, 1, 8, 8], with their class as `y`.

    Each pixel counts the inked cells of a 4x4 block. So the grey levels are the integers 0..16,
    and `nn.Binomial(16)` is the likelihood that fits them.

    Args:
        binarize: None keeps the levels. "dynamic" and "static" draw 0/1 pixels with probability
            level / 16, anew on every pass over `train`, or once.
        unit: Scale the levels to [0, 1].
        val_size: Number of rows for `val`.
        test_size: Number of rows for `test`.
        seed: Seed of the split and of the fixed binary draws.

    Raises:
        DataError: The sizes leave nothing to train on.

    Source:
        Optical Recognition of Handwritten Digits (Alpaydin and Kaynak, 1998), UCI repository.

    Example:
        >>> digits().train
        Split(1197 x [1, 8, 8] float32, labels int64)
    """
    from sklearn.datasets import load_digits  # takes a second; only this needs it

    pixels, classes = load_digits(return_X_y=True)
    x = torch.from_numpy(pixels).to(torch.float32).reshape(-1, 1, 8, 8)
    if unit or binarize is not None:
        x = x / 16
    whole = Split(x, torch.from_numpy(classes).to(torch.int64))
    rows = partition("digits", len(whole), (val_size, test_size), seed)
    train, val, test = (whole[index] for index in rows)
    info = {"binarize": "none", "levels": 17, "unit": unit, "seed": seed}
    data = Dataset("digits", train, val, test, info)
    return data if binarize is None else data.binarized(binarize, seed)
