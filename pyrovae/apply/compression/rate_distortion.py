"""The rate-distortion curve of pairs that were trained with different beta."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Unpack

import torch
from torch import Tensor

from ...errors import ConfigError
from ...evaluate import elbo_parts
from ...evaluate.block import Block
from ...evaluate.inputs import Data
from ...evaluate.options import SweepOptions
from ...evaluate.sweep import sweep_over, sweeps
from ...particles.conditionals import conditionals
from ...particles.pair import HasPair, programs_of
from ...runtime.result import Result
from ..observed import elements_at, site_of_data
from .lossy import Lossy, lossy, psnr_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Point:
    """One pair in the plane of rate and distortion, in bits per dimension.

    Attributes:
        beta: With which it was trained.
        rate: Mean KL(q(z|x) | p(z)).
        distortion: Mean of -log p(x|z) under q(z|x).
        mse: Mean squared error of the mean of p(x|z), z drawn from q(z|x).
        psnr: The same in decibels.
        lossy: What sending its latents costs.
        name: Of the curve that it is a point of; empty where there is one.
    """

    beta: float
    rate: float
    distortion: float
    mse: float
    psnr: float
    lossy: Lossy | None
    name: str = ""

    @property
    def minus_elbo(self) -> float:
        """Rate plus distortion: what lossless coding costs."""
        return self.rate + self.distortion


@dataclass(frozen=True)
class RateDistortion(Result):
    """Pairs in the plane of rate and distortion.

    Attributes:
        points: Curve by curve, by ascending beta.
        entropy: Of the data in bits per dimension, where it is known: no pair's rate plus
            distortion on many data is less.
    """

    points: tuple[Point, ...]
    entropy: float | None = None

    def cells(self) -> Sequence[Sequence[str]]:
        """See `Result.cells`."""
        head = ("beta", "rate", "distortion", "-ELBO (bits/dim)", "MSE", "PSNR (dB)")
        return [
            head,
            *(
                (f"{p.name} {p.beta:g}".strip(), f"{p.rate:.4f}", f"{p.distortion:.4f}",
                 f"{p.minus_elbo:.4f}", f"{p.mse:.5g}", f"{p.psnr:.2f}")
                for p in self.points
            ),
        ]  # fmt: skip

    def numbers(self) -> dict[str, Any]:
        """See `Result.numbers`."""
        names = ("beta", "rate", "distortion", "minus_elbo", "mse", "psnr")
        found: dict[str, Any] = {n: [getattr(p, n) for p in self.points] for n in names}
        streams = [p.lossy.numbers() for p in self.points if p.lossy is not None]
        if any(p.name for p in self.points):
            found["name"] = [p.name for p in self.points]
        return {**found, "lossy": streams, "entropy": self.entropy}

    def records(self) -> list[dict[str, Any]]:
        """See `Result.records`."""
        names = ("name", "beta", "rate", "distortion", "minus_elbo", "mse", "psnr")
        return [{n: getattr(p, n) for n in names} for p in self.points]

    def plot(self) -> "Figure":
        """Distortion against rate with lines of equal ELBO; both over beta; PSNR against rate.

        See `plots.rate_distortion`.
        """
        from ...plots.rate_distortion import rate_distortion as drawn

        return drawn(self)


@sweeps
def rate_distortion(
    pairs: Mapping[float, HasPair] | Mapping[str, Mapping[float, HasPair]],
    x: Data,
    *args: Any,  # noqa: ANN401 (whatever the pairs take)
    steps: list[float] | None = None,
    entropy: float | None = None,
    **options: Unpack[SweepOptions],
) -> RateDistortion:
    """Rate and distortion of pairs that were trained with `objectives.Beta`, by beta.

    The rate R is the mean KL of q(z|x) from p(z), the distortion D the mean of -log p(x|z), in
    bits per dimension. R + D is minus the ELBO, never less than the entropy of the data, so that
    points lie above a line of slope -1. A pair trained with beta minimises D + beta R: of the
    curve of the best pairs, beta is minus the slope. At beta below 1 latents say more about x than
    lossless coding wants; above, less; where R = 0 they say nothing.

    R is what sending z costs with bits back, to one who knows x. `steps` adds what it costs
    without: see `lossy`.

    Args:
        pairs: By beta, as `evaluate.train_by_beta` trains them; or several such curves by name.
            Compare pairs of one likelihood and set of data only.
        x: Data [N, ...] of any kind: see `SweepOptions`; held out, or the curve flatters.
        args: What the pairs take after the data.
        steps: Grids on which latents are also coded for sending; None: they are not.
        entropy: Of the data, in bits per dimension, where it is known, for the figure.
        options: `rows`, `seed`, ...: see `SweepOptions`.

    Raises:
        ConfigError: There are no pairs, or one is no pair.

    Source:
        Fixing a Broken ELBO (Alemi et al., 2018), sec. 3, https://arxiv.org/abs/1711.00464

    Example:
        >>> from pyrovae.models import VAE
        >>> found = rate_distortion({0.5: VAE((6,), 2), 2.0: VAE((6,), 2)}, torch.eye(6), seed=0)
        >>> [point.beta for point in found.points]
        [0.5, 2.0]
    """
    if not pairs:
        raise ConfigError("rate_distortion: pairs is empty; give one by its beta, or more")
    points = []
    for name, beta, pair in _in_order(pairs):
        where = f"pairs[{name!r}][{beta!r}]" if name else f"pairs[{beta!r}]"
        model, guide = programs_of(pair, f"rate_distortion: {where}")
        parts = elbo_parts(model, guide, x, *args, num_particles=1, **options).means()
        sweep = sweep_over(model, guide, x, args, 1, options)
        blocks = torch.stack(sweep.each(_errors))  # squared error, low, high
        numbers = sweep.inputs.source[:1][0].numel()
        in_bits = 1 / (math.log(2) * numbers)
        mse = float(blocks[:, 0].sum()) / (sweep.num_data * numbers)
        peak = float(blocks[:, 2].max() - blocks[:, 1].min()) or 1.0
        points.append(
            Point(
                beta=float(beta),
                rate=parts["kl"] * in_bits,
                distortion=-parts["reconstruction"] * in_bits,
                mse=mse,
                psnr=psnr_of(mse, peak),
                lossy=lossy(model, guide, x, *args, steps=steps, **options) if steps else None,
                name=name,
            )
        )
    return RateDistortion(tuple(points), entropy)


def _in_order(
    pairs: Mapping[float, HasPair] | Mapping[str, Mapping[float, HasPair]],
) -> Iterator[tuple[str, float, HasPair]]:
    """Name of the curve, beta and pair, curve by curve, by ascending beta."""
    curves: Any = pairs if all(isinstance(key, str) for key in pairs) else {"": pairs}
    for name, curve in curves.items():
        for beta in sorted(curve):
            yield name, beta, curve[beta]


def _errors(block: Block) -> Tensor:
    x = block.args[0]
    drawn = {name: site.value for name, site in conditionals(block.guide, *block.args).items()}
    sites = conditionals(block.model, *block.args, values=drawn)
    name, site = site_of_data(sites, x)
    mean: Tensor = elements_at(name, site.fn, "the mean squared error").mean
    error = (mean.reshape(x.shape).double() - x.double()).square().sum()
    return torch.stack([error, x.min().double(), x.max().double()]).cpu()
