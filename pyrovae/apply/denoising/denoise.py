"""Denoising: a pair beside classical filters, on data with known noise."""

import math
from typing import Any, Unpack

import pyro
from torch import Tensor

from ...errors import ConfigError
from ...evaluate.inputs import Data, Inputs, data_in_type
from ...evaluate.options import SweepOptions, seed_or_fresh
from ...evaluate.sweep import Sweep, sweep_over, sweeps
from ...nn.corruption import NoiseModel
from ...particles.isolation import isolated
from ...particles.pair import takes_pair
from ...particles.tracing import Program
from ..images import is_image
from .blocks import range_of
from .denoised import Denoised
from .filters import filtered
from .methods import Methods
from .noises import NoiseName, noise_of
from .posterior import PosteriorSampler
from .scores import scores


@takes_pair
@sweeps
def denoise(
    model: Program,
    guide: Program,
    x: Data,
    *args: Any,  # noqa: ANN401 (whatever the pair takes)
    noise: NoiseName | NoiseModel = "gaussian",
    level: float | None = None,
    conditional: bool = False,
    filters: bool = True,
    num_particles: int = 16,
    num_steps: int = 100,
    num_moves: int = 20,
    num_leapfrog: int = 8,
    num_draws: int = 3,
    clip: bool = True,
    **options: Unpack[SweepOptions],
) -> Denoised:
    """Add noise to clean data, and compare what a pair and classical filters make of it.

    The methods of a pair: `posterior mean`, E[x|noisy] by `restore`, which has the least expected
    squared error if the model is right; `one draw` from p(x|noisy), which looks like data and has
    twice that error; `encode-decode`, which takes the noisy datum for a clean one, unless the
    pair was trained with a corruption (`VAE(corruption=...)`; then pass `clip=False`). A pair of
    p(clean|noisy), trained as `ConditionalVAE` is on (clean, noisy), has the mean and a draw of
    that.

    The filters are scikit-image's, each at the strength that is best for these very images. All
    results are clipped to the bounds of the likelihood, where it has some.

    Args:
        model: Pyro model p(z)p(x|z), called as `model(x, *args)`.
        guide: Pyro guide q(z|x), called likewise.
        x: Clean data [N, ...] of any kind: see `SweepOptions`.
        noise: gaussian, salt-and-pepper, masking or poisson; in Python also a noise model, such as
            `nn.GaussianNoise(0.3)`.
        level: How strong, in the units of the data: the standard deviation (gaussian), the share
            of elements that are replaced (salt-and-pepper, masking), what one event adds (poisson,
            whose noise has the variance level * x). By default .3 of the range, .2, .5, .1 of the
            range.
        conditional: The pair is one of p(clean|noisy), called as `model(clean, noisy)`.
        filters: Compare with the filters of scikit-image, where the data are images.
        num_particles: See `restore`, as for the next three.
        num_steps: Gradient steps that fit the proposals.
        num_moves: HMC trajectories.
        num_leapfrog: Leapfrog steps of a trajectory.
        num_draws: Plausible clean data to draw for each noisy one.
        clip: Bring what the guide sees within the bounds of the likelihood; False for a guide that
            was trained on data with noise.
        options: `chunk`, `rows`, `seed`, ...: see `SweepOptions`.

    Raises:
        ConfigError: There is no such noise or level, or scikit-image is not installed (extra
            `images`).
        DataError: There are negative data, and the noise is of counts.
        See `restore` for others.

    Source:
        a conditional pair: Sohn et al. (2015), https://papers.nips.cc/paper/5775; training with
        noise: Im et al. (2017), https://arxiv.org/abs/1511.06406

    Example:
        >>> from pyrovae.data.synthetic import LinearGaussian
        >>> pair = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> found = denoise(pair, pair.sample(100, seed=1), level=1.0, seed=0)
        >>> found.scores["posterior mean"]["RMSE"].mean() < found.scores["noisy"]["RMSE"].mean()
        tensor(True)
    """
    inputs = Inputs.of(
        x, args, columns=options.pop("columns", None), transform=options.pop("transform", None)
    )
    clean, *others = inputs.data
    clean = clean if clean.is_floating_point() else clean.float()
    rest = (*others, *inputs.rest)
    beside = (clean, *rest) if conditional else rest
    clean = data_in_type(model, guide, (clean, *beside), options.get("mode", "evaluation"))
    seed = options["seed"] = seed_or_fresh(options.get("seed"))

    def sweep(data: Tensor, *more: Any) -> Sweep:  # noqa: ANN401
        return sweep_over(model, guide, data, more, num_particles, options, together=True)

    bounds = range_of(sweep(clean, *beside))
    low, high = _range(clean, bounds)
    chosen = noise if isinstance(noise, NoiseModel) else noise_of(noise, level, low, high)
    with isolated():
        pyro.set_rng_seed(seed)
        noisy = chosen(clean)
    found = Methods(noise=chosen)
    sampler = PosteriorSampler(num_particles, num_steps, num_moves, num_leapfrog, num_draws, clip)
    if conditional:
        found.take_conditional(sweep(clean, noisy, *rest), sampler)
    else:
        found.take_posterior(sweep(noisy, *rest), sampler)
    clean, noisy = clean.cpu(), noisy.cpu()
    if filters and is_image(clean):
        found.made |= filtered(clean, noisy, low, high)
    return Denoised(
        clean=clean,
        noisy=noisy,
        made=found.made,
        draws=found.draws,
        scores={
            name: scores(clean, value.clamp(*bounds), high - low)
            for name, value in {"noisy": noisy, **found.made}.items()
        },
        noise=f"{type(chosen).__name__}({chosen.extra_repr()})",
        ess=found.ess,
        left_out=found.left_out,
        num_particles=num_particles,
    )


def _range(clean: Tensor, bounds: tuple[float, float]) -> tuple[float, float]:
    """Lowest and highest value: of the likelihood where it has both, else of the data."""
    if all(map(math.isfinite, bounds)):
        return bounds
    low, high = float(clean.min()), float(clean.max())
    if not high > low:
        raise ConfigError(
            f"denoise got data that are {low:g} everywhere, so that levels of noise and PSNR have "
            "no unit; give data that vary"
        )
    return low, high
