"""Clean data for noisy ones, from the posterior of a pair."""

from dataclasses import dataclass, replace
from typing import Any, Unpack

import torch
from torch import Tensor

from ...errors import ConfigError
from ...evaluate.block import Block
from ...evaluate.inputs import Data
from ...evaluate.options import SweepOptions
from ...evaluate.sweep import Sweep, sweep_over, sweeps
from ...nn.corruption import NoiseModel
from ...particles.pair import takes_pair
from ...particles.tracing import Program
from .blocks import noisy_model, smaller, unchecked, why_no_posterior
from .posterior import Draws, PosteriorSampler


@dataclass(frozen=True, eq=False)
class Restoration:
    """Clean data for noisy ones; tensors on the CPU.

    Attributes:
        mean: E[x|noisy] [N, *data_shape], which has the least expected squared error.
        draws: Clean data drawn from p(x|noisy) [num_draws, N, *data_shape].
        log_evidence: Importance-weighted estimate of log p(noisy) in nats [N]; too low where the
            effective size is small.
        ess: Effective size of the importance weights [N], of `num_particles`.
        acceptance: Mean acceptance of the HMC trajectories [N]; NaN without any.
        num_particles: K.
    """

    mean: Tensor
    draws: Tensor
    log_evidence: Tensor
    ess: Tensor
    acceptance: Tensor
    num_particles: int


@takes_pair
@sweeps
def restore(
    model: Program,
    guide: Program,
    noisy: Data,
    *args: Any,  # noqa: ANN401 (whatever the pair takes)
    noise: NoiseModel,
    num_particles: int = 16,
    num_steps: int = 100,
    num_moves: int = 20,
    num_leapfrog: int = 8,
    num_draws: int = 4,
    clip: bool = True,
    **options: Unpack[SweepOptions],
) -> Restoration:
    r"""Undo known noise by Bayes' rule, with a pair that was trained on clean data.

    Draws from p(z|noisy), proportional to p(z) prod_d p(noisy_d|z), where p(noisy_d|z) has the
    clean element summed or integrated out. A normal proposal is fitted to each datum, starting
    from the guide at the noisy datum, which the guide has never seen the like of. Its draws are
    weighted (importance sampling), resampled and moved by Hamiltonian Monte Carlo. The mean of x
    given z and the noisy datum is exact.

    It misleads where the chains have not mixed: compare with more `num_moves`, and with another
    seed. It is as good as the model: what the model does not know, it takes for noise.

    Args:
        model: Pyro model p(z)p(x|z), called as `model(x, *args)`.
        guide: Pyro guide q(z|x), called likewise.
        noisy: Data [N, ...] of any kind, with the noise: see `SweepOptions`.
        noise: p(noisy|clean), in the units of the data: `nn.GaussianNoise`, `nn.SaltAndPepper`,
            `nn.Masking`, `nn.PoissonNoise`, or an own `nn.SpreadingNoise` or `nn.ReplacingNoise`.
        num_particles: Draws of z, K.
        num_steps: Gradient steps that fit the proposals; 0 proposes from the guide.
        num_moves: HMC trajectories, whose first half adapts their step and is not counted; 0
            keeps the weighted proposals.
        num_leapfrog: Leapfrog steps of a trajectory.
        num_draws: Clean data to draw for each noisy one.
        clip: Bring what the guide sees within the bounds of the likelihood, and to whole numbers
            where the data are levels; False for a guide that was trained on data with noise.
        options: `chunk`, `rows`, `seed`, ...: see `SweepOptions`.

    Raises:
        ConfigError: A number makes no sense; a latent is discrete, and there are steps or moves;
            the guide is a point mass, or the prior improper.
        PlateError: A latent is not drawn for each datum.
        ShapeError: The model observes no site that holds the data.
        SiteError: The elements of a datum depend on each other given the latents; the noise or
            the likelihood cannot be summed; or something else is observed too.

    Source:
        proposals: Semi-Amortized Variational Autoencoders (Kim et al., 2018), sec. 3,
        https://arxiv.org/abs/1802.02550; HMC: Neal (2011), https://arxiv.org/abs/1206.1901

    Example:
        >>> from pyrovae.data.synthetic import LinearGaussian
        >>> from pyrovae.nn import GaussianNoise
        >>> pair = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> noise = GaussianNoise(0.5)
        >>> found = restore(pair, noise(pair.sample(3, seed=1)), noise=noise, seed=0)
        >>> found.mean.shape, found.draws.shape
        (torch.Size([3, 5]), torch.Size([4, 3, 5]))
    """
    numbers = {
        "num_particles": (num_particles, 1),
        "num_steps": (num_steps, 0),
        "num_moves": (num_moves, 0),
        "num_leapfrog": (num_leapfrog, 1),
        "num_draws": (num_draws, 1),
    }
    for name, (value, least) in numbers.items():
        if value < least:
            raise ConfigError(f"restore got {name}={value}; it needs {least} at least")
    sampler = PosteriorSampler(num_particles, num_steps, num_moves, num_leapfrog, num_draws, clip)
    sweep = sweep_over(model, guide, noisy, args, num_particles, options, together=True)
    if (why := why_no_posterior(sweep)) is not None:
        raise ConfigError(f"restore: {why}; `denoise` can encode and decode with such a pair")
    return restored(sweep, noise, sampler)


def restored(sweep: Sweep, noise: NoiseModel, sampler: PosteriorSampler) -> Restoration:
    """What `restore` gives, for the noisy data of a sweep."""
    sweep.check_data_are_apart("clean data")

    def run(block: Block) -> Draws:
        found = sampler(noisy_model(block, noise), block.guide, block.args[1:])
        shape = block.args[0].shape
        return replace(
            found, mean=found.mean.reshape(shape), draws=found.draws.reshape(-1, *shape)
        )

    parts = unchecked(smaller(sweep, noise), run)
    return Restoration(
        mean=torch.cat([p.mean for p in parts]).cpu(),
        draws=torch.cat([p.draws for p in parts], 1).cpu(),
        log_evidence=torch.cat([p.log_evidence for p in parts]).cpu(),
        ess=torch.cat([p.ess for p in parts]).cpu(),
        acceptance=torch.cat([p.acceptance for p in parts]).cpu().double(),
        num_particles=sampler.num_particles,
    )
