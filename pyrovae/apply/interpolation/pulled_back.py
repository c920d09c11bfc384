"""The decoder's pulled-back metric at the latents of data."""

from typing import Any, Unpack

import pyro
import torch
from torch import Tensor

from ...evaluate.inputs import Data
from ...evaluate.options import SweepOptions, seed_or_fresh
from ...evaluate.sweep import sweep_over, sweeps
from ...particles.isolation import isolated
from ...particles.pair import takes_pair
from ...particles.tracing import Program
from .ends import Encoded, Others
from .metric import MetricName, metric_at


@takes_pair
@sweeps
def pulled_back_metric(
    model: Program,
    guide: Program,
    x: Data,
    *args: Any,  # noqa: ANN401 (whatever the pair takes)
    metric: MetricName = "mean",
    site: str | None = None,
    others: Others = "model",
    **options: Unpack[SweepOptions],
) -> Tensor:
    r"""How much the decoded datum changes with z, at the posterior mean of each datum [N, L, L].

    J'J for the Jacobian J of E[x|z] (`metric="mean"`), plus that of the standard deviations
    (`"moments"`), or the Fisher information of z in p(x|z) (`"fisher"`). The root of its
    determinant is the magnification of volume; a direction of small value is one that the decoder
    ignores. On the CPU.

    Args:
        model: Pyro model p(z)p(x|z), called as `model(x, *args)`.
        guide: Pyro guide q(z|x), called likewise.
        x: Data [N, ...] of any kind: see `SweepOptions`.
        metric: See `interpolate`.
        site: Name of the latent; may be left out where there is only one.
        others: See `interpolate`.
        options: `chunk`, `rows`, `seed`, ...: see `SweepOptions`.

    Raises:
        See `interpolate`.

    Source:
        Latent Space Oddity (Arvanitidis et al., 2018), sec. 2 and theorem 1,
        https://arxiv.org/abs/1710.11379

    Example:
        >>> from pyrovae.data.synthetic import LinearGaussian
        >>> pair = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> pulled_back_metric(pair, pair.sample(3, seed=1)).shape
        torch.Size([3, 2, 2])
    """
    sweep = sweep_over(model, guide, x, args, 1, options)
    with isolated(), sweep.networks_in_mode(), torch.no_grad():
        pyro.set_rng_seed(seed_or_fresh(options.get("seed")))
        encoded = Encoded.of(sweep, site, "pulled_back_metric")
        rows = torch.arange(sweep.num_data)
        return metric_at(encoded.decoder(rows, others=others), encoded.at(rows), metric).cpu()
