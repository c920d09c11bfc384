"""The likelihood against the complexity of the data themselves."""

import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from ....data import Rows
from ....errors import DataError
from ....evaluate import SweepOptions
from ....particles.pair import Programs
from .base import Score
from .elbo import ELBOScore

_BLOCK = 1000  # rows taken at a time


@dataclass(frozen=True)
class InputComplexity(Score):
    """log p(x) plus the length of x under a general compressor, in nats.

    Simple data have a high likelihood under any model, and a short file. The sum is a likelihood
    ratio whose background is the compressor: PNG for images [H, W], [1, H, W] and [3, H, W], zlib
    for others. Data must be levels, whole numbers from 0 to 255, and the likelihood a probability
    of them. The files of small images are mostly headers, and say little.

    Args:
        of: The score of log p(x).

    Raises:
        DataError: From a call: the data are no levels.

    Source:
        Input Complexity and Out-of-Distribution Detection with Likelihood-based Generative Models
        (Serra et al., 2020), eq. 1, https://arxiv.org/abs/1909.11480

    Example:
        >>> from pyrovae.models import VAE
        >>> InputComplexity()(VAE((1, 4, 4), 2), torch.zeros(3, 1, 4, 4), seed=0).shape
        torch.Size([3])
    """

    name: ClassVar[str] = "complexity"
    of: Score = field(default_factory=ELBOScore)

    def measure(self, pair: Programs, x: Rows, options: SweepOptions) -> Tensor:
        blocks = [x[start : start + _BLOCK][0] for start in range(0, len(x), _BLOCK)]
        lengths = [length for block in blocks for length in _lengths(block)]
        nats = 8 * math.log(2) * torch.tensor(lengths, dtype=torch.float64)
        return self.of.measure(pair, x, options) + nats


def _lengths(x: Tensor) -> list[int]:
    """The length of the file of each datum [N, ...], in bytes."""
    levels = x.detach().cpu().numpy()
    whole = levels.astype(np.uint8)
    if not np.array_equal(whole, levels):
        raise DataError(
            "the score 'complexity' compresses levels, whole numbers from 0 to 255, and the data "
            f"are {x.dtype} from {float(x.min()):g} to {float(x.max()):g}; use the score "
            "'typicality' or a LikelihoodRatio"
        )
    shape = x.shape[1:]
    is_image = len(shape) == 2 or (len(shape) == 3 and shape[0] in (1, 3))
    length: Callable[[np.ndarray], int] = _png if is_image else _zlib
    return [length(datum) for datum in whole]


def _png(image: np.ndarray) -> int:
    from PIL import Image  # matplotlib brings it, and takes as long to import

    pixels = np.moveaxis(image, 0, -1).squeeze(-1) if len(image) == 1 else image
    if image.ndim == 3 and len(image) == 3:
        pixels = np.moveaxis(image, 0, -1)
    file = BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(file, "png", optimize=True)
    return file.tell()


def _zlib(datum: np.ndarray) -> int:
    return len(zlib.compress(datum.tobytes(), 9))
