"""Grids of decoded latents: between four data, and over the quantiles of the prior."""

from typing import Any, Unpack

import pyro
import torch
from torch import Tensor

from ...distributions.elements import elements_of
from ...errors import ConfigError, DataError, ShapeError
from ...evaluate.inputs import Data
from ...evaluate.options import SweepOptions, seed_or_fresh
from ...evaluate.sweep import Sweep, sweep_over, sweeps
from ...particles.conditionals import conditionals
from ...particles.isolation import isolated
from ...particles.pair import takes_pair
from ...particles.tracing import Program
from ..values import repeated
from .curves import straight
from .decoder import Decoder
from .ends import Encoded, Others, prior_mean

_PRIOR_DRAWS = 10_000


@takes_pair
@sweeps
def corner_grid(
    model: Program,
    guide: Program,
    x: Data,
    *args: Any,  # noqa: ANN401 (whatever the pair takes)
    steps: int = 8,
    site: str | None = None,
    others: Others = "model",
    **options: Unpack[SweepOptions],
) -> Tensor:
    """Decoded latents between four data at the corners [steps, steps, *data_shape], on the CPU.

    Their posterior means are mixed bilinearly. Other latents are those of the first row of data.

    Args:
        model: Pyro model p(z)p(x|z), called as `model(x, *args)`.
        guide: Pyro guide q(z|x), called likewise.
        x: Four data: top left, top right, bottom left, bottom right. See `SweepOptions`.
        steps: Rows and columns, 2 at least.
        site: Name of the latent; may be left out where there is only one.
        others: See `interpolate`.
        options: `chunk`, `rows`, `seed`, ...: see `SweepOptions`.

    Raises:
        ConfigError: `steps` is below two.
        DataError: There are not four data.
        See `interpolate` for others.

    Source:
        Sampling Generative Networks (White, 2016), sec. 2, https://arxiv.org/abs/1609.04468

    Example:
        >>> from pyrovae.data.synthetic import LinearGaussian
        >>> pair = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> corner_grid(pair, pair.sample(4, seed=1), steps=3).shape
        torch.Size([3, 3, 5])
    """
    if steps < 2:
        raise ConfigError(f"corner_grid got steps={steps}; it needs 2 at least")
    sweep = sweep_over(model, guide, x, args, 1, options)
    if sweep.num_data != 4:
        raise DataError(f"corner_grid got {sweep.num_data} data, and needs one for each corner")
    with isolated(), sweep.networks_in_mode(), torch.no_grad():
        pyro.set_rng_seed(seed_or_fresh(options.get("seed")))
        encoded = Encoded.of(sweep, site, "corner_grid")
        decoder = encoded.decoder(torch.arange(1), others=others)
        z = encoded.at(torch.arange(4))
        t = torch.linspace(0, 1, steps).to(z)
        left, right = (straight(z[a : a + 1], z[a + 2 : a + 3], t)[0] for a in (0, 1))
        points = straight(left, right, t).reshape(1, steps**2, -1)  # row by row
        made = decoder.mean(points, torch.zeros(steps**2))[0]
        return made.unflatten(0, (steps, steps)).cpu()


@takes_pair
@sweeps
def latent_manifold(
    model: Program,
    guide: Program,
    x: Data,
    *args: Any,  # noqa: ANN401 (whatever the pair takes)
    units: tuple[int, int] = (0, 1),
    steps: int = 16,
    site: str | None = None,
    **options: Unpack[SweepOptions],
) -> Tensor:
    """What two units of a latent decode to, over the quantiles of the prior.

    The quantiles are evenly spaced in probability, so that each cell has the same share of the
    prior. Other units and other latents are at their mean in the model.

    Args:
        model: Pyro model p(z)p(x|z), called as `model(x, *args)`.
        guide: Pyro guide q(z|x), called likewise.
        x: One datum or more, of which the first says what the model is called with.
        units: Which two units: the first goes to the right, the second up.
        steps: Rows and columns.
        site: Name of the latent; may be left out where there is only one.
        options: `chunk`, `rows`, `seed`, ...: see `SweepOptions`.

    Returns:
        [steps, steps, *data_shape], on the CPU.

    Raises:
        ShapeError: There are no such units.
        See `interpolate` for others.

    Source:
        Auto-Encoding Variational Bayes (Kingma & Welling, 2014), appendix A,
        https://arxiv.org/abs/1312.6114

    Example:
        >>> from pyrovae.data.synthetic import LinearGaussian
        >>> pair = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> latent_manifold(pair, pair.sample(1, seed=1), steps=3).shape
        torch.Size([3, 3, 5])
    """
    sweep = sweep_over(model, guide, x, args, 1, options)
    with isolated(), sweep.networks_in_mode(), torch.no_grad():
        pyro.set_rng_seed(seed_or_fresh(options.get("seed")))
        encoded = Encoded.of(sweep, site, "latent_manifold")
        size = encoded.means.shape[1]
        if len(set(units)) != 2 or not all(0 <= unit < size for unit in units):
            raise ShapeError(
                f"latent_manifold got units={units}, and '{encoded.site}' has {size}; name two of "
                f"0..{size - 1}"
            )
        decoder = encoded.decoder(torch.arange(1), others="model")
        rest = prior_mean(decoder, encoded.at(torch.arange(1)))
        levels = (torch.arange(steps).to(rest) + 0.5) / steps
        quantiles = _quantiles(sweep, decoder, levels, rest)  # [steps, L]
        points = rest.repeat(steps, steps, 1)
        points[..., units[0]] = quantiles[:, units[0]]
        points[..., units[1]] = quantiles[:, units[1], None].flip(0)
        made = decoder.mean(points.reshape(1, steps**2, size), torch.zeros(steps**2))[0]
        return made.unflatten(0, (steps, steps)).cpu()


def _quantiles(sweep: Sweep, decoder: Decoder, levels: Tensor, rest: Tensor) -> Tensor:
    """Of each unit under the model [Q, L]: exact where it states them, else of 10,000 draws."""
    fn = decoder.sites(rest.unsqueeze(1), torch.zeros(1))[decoder.site].fn
    elements = elements_of(fn)
    try:
        if elements is not None:
            shape = (-1, *[1] * len(elements.batch_shape))
            return elements.icdf(levels.reshape(shape)).reshape(len(levels), -1)
    except NotImplementedError:
        pass
    args = repeated(decoder.args, _PRIOR_DRAWS)
    drawn = conditionals(sweep.model, *args)[decoder.site].value.reshape(_PRIOR_DRAWS, -1)
    return torch.quantile(drawn, levels, dim=0)
