"""Lossy coding: the posterior mean on a grid, decoded by the model."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
import torch
from torch import Tensor

from ...errors import ConfigError, PyrovaeError
from ...evaluate.block import Block
from ...evaluate.inputs import Data
from ...evaluate.options import SweepOptions
from ...evaluate.sweep import sweep_over, sweeps
from ...particles.pair import takes_pair
from ...particles.tracing import Program
from ...runtime.result import Result
from .quantised import decode_data, encode_latents, posterior_mean_values

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SHOWN = 12  # data in the picture


@dataclass(frozen=True)
class Lossy(Result):
    """Rates and distortions of lossy coding, by grid step.

    Attributes:
        steps: Of the grids, in units of the latents.
        bits_per_dim: Lengths of the streams.
        mse: Mean squared errors.
        peak: Range of the data, for the PSNR.
        originals: The first data [n, ...].
        decoded: What the streams gave for them [steps, n, ...].
    """

    steps: tuple[float, ...]
    bits_per_dim: tuple[float, ...]
    mse: tuple[float, ...]
    peak: float
    originals: Tensor
    decoded: Tensor

    @property
    def psnr(self) -> tuple[float, ...]:
        """Peak signal-to-noise ratios in decibels."""
        return tuple(psnr_of(error, self.peak) for error in self.mse)

    def cells(self) -> Sequence[Sequence[str]]:
        """See `Result.cells`."""
        parts = zip(self.steps, self.bits_per_dim, self.mse, self.psnr, strict=True)
        lines = [(f"{s:g}", f"{b:.4f}", f"{m:.5g}", f"{p:.2f}") for s, b, m, p in parts]
        return [("step", "bits/dim", "MSE", "PSNR (dB)"), *lines]

    def records(self) -> list[dict[str, Any]]:
        """A row for each step of the grid."""
        columns = zip(self.steps, self.bits_per_dim, self.mse, self.psnr, strict=True)
        names = ("step", "bits_per_dim", "mse", "psnr")
        return [dict(zip(names, row, strict=True)) for row in columns]

    def numbers(self) -> dict[str, Any]:
        """See `Result.numbers`."""
        return {
            "steps": list(self.steps),
            "bits_per_dim": list(self.bits_per_dim),
            "mse": list(self.mse),
            "psnr": list(self.psnr),
            "peak": self.peak,
        }

    def arrays(self) -> dict[str, Tensor]:
        """See `Result.arrays`."""
        return {"originals": self.originals, "decoded": self.decoded}

    def plot(self) -> "Figure | None":
        """The first data over what came back of them, a row for each step; None for no images."""
        shape = self.originals.shape
        if not (len(shape) == 3 or (len(shape) == 4 and shape[1] in (1, 3))):
            return None
        from ...plots.image_rows import image_rows

        steps = zip(self.steps, self.decoded, strict=True)
        rows = {
            f"step {step:g}: {bits:.3f} bits/dim": images
            for (step, images), bits in zip(steps, self.bits_per_dim, strict=True)
        }
        return image_rows(
            {"original": self.originals} | rows,
            title="What comes back from posterior means rounded to a grid of this step",
        )


def psnr_of(mse: float, peak: float) -> float:
    """Peak signal-to-noise ratio in decibels; infinite without an error."""
    return math.inf if mse == 0 else 10 * math.log10(peak**2 / mse)


@takes_pair
@sweeps
def lossy(
    model: Program,
    guide: Program,
    x: Data,
    *args: Any,  # noqa: ANN401 (whatever the pair takes)
    steps: list[float] | None = None,
    **options: Unpack[SweepOptions],
) -> Lossy:
    """Code data with loss: the posterior mean, rounded to a grid, under the prior.

    Nothing of x is sent but its rounded latents, in one stream of an entropy coder for each block
    of rows. The streams are decoded, and the mean of p(x|z) is compared with the data. A finer
    grid costs log2 of the ratio in bits for each latent, until the error is the decoder's own.

    The rate is not minus the ELBO, nor its KL: bits back would need x, which nobody has where
    there is loss. A pair that is trained for the ELBO alone has many latents that say nothing;
    they cost little on a coarse grid. How rate is traded for distortion in training: see
    `rate_distortion`.

    Args:
        model: Pyro model with normal priors of independent elements, each given those before.
        guide: Pyro guide whose latents have means.
        x: Data [N, ...] of any kind: see `SweepOptions`.
        args: What the pair takes after the data.
        steps: Of the grids, in units of the latents, one after the other; default .25, .5, 1, 2.
        options: `rows`, `seed`, ...: see `SweepOptions`.

    Raises:
        ConfigError: A step is not positive, or `constriction` is not installed; or the model
            refuses zeros in the place of the data, which the decoder does not see.
        SiteError: The pair has other priors or latents.

    Source:
        End-to-end Optimized Image Compression (Balle et al., 2017), sec. 2,
        https://arxiv.org/abs/1611.01704, with rounding after training

    Example:
        >>> from pyrovae.models import VAE
        >>> found = lossy(VAE((6,), 2), torch.eye(6), steps=[0.5])
        >>> found.mse[0] < 0.5
        True
    """
    steps = [0.25, 0.5, 1.0, 2.0] if steps is None else steps
    if not steps or not all(0 < step < math.inf for step in steps):
        raise ConfigError(f"steps={steps}, needs one number above 0 or more")
    sweep = sweep_over(model, guide, x, args, 1, options)
    blocks = sweep.each(lambda block: _of_block(block, steps))
    low = min(block.low for block in blocks)
    peak = max(block.high for block in blocks) - low
    count, numbers = sweep.num_data, blocks[0].originals[0].numel()
    total = torch.stack([block.sums for block in blocks]).sum(0) / (count * numbers)
    originals = torch.cat([block.originals for block in blocks])[:_SHOWN]
    decoded = torch.cat([block.decoded for block in blocks], 1)[:, :_SHOWN]
    bits, mse = (tuple(column.tolist()) for column in total.unbind(1))
    return Lossy(tuple(steps), bits, mse, peak or 1.0, originals, decoded)


@dataclass(frozen=True)
class _Block:
    """Bits and squared errors [steps, 2], the range of the data, and the first of them."""

    sums: Tensor
    low: float
    high: float
    originals: Tensor
    decoded: Tensor


def _of_block(block: Block, steps: Sequence[float]) -> _Block:
    x, sums, decoded = block.args[0], [], []
    values = posterior_mean_values(block.guide, block.args)
    blank = (torch.zeros_like(x), *block.args[1:])  # the decoder does not see the data
    for step in steps:
        words = encode_latents(block.model, block.args, values, step)
        found = _decoded(block, blank, words, step)
        error = (found.double() - x.double()).square().sum()
        sums.append(torch.tensor([32.0 * len(words), float(error)], dtype=torch.float64))
        decoded.append(found[:_SHOWN].cpu())
    low, high = float(x.min()), float(x.max())
    return _Block(torch.stack(sums), low, high, x[:_SHOWN].cpu(), torch.stack(decoded))


def _decoded(block: Block, blank: tuple[Any, ...], words: np.ndarray, step: float) -> Tensor:
    try:
        return decode_data(block.model, blank, words, step)
    except PyrovaeError as error:
        raise ConfigError(
            "lossy coding decodes without the data, calls the model with zeros in their place, "
            f"and it refuses these ({error}); it is for a p(x|z) that needs nothing of x, unlike "
            "counts given their total or text"
        ) from error
