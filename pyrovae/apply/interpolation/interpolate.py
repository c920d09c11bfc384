"""Interpolation between data along curves in latent space."""

from typing import Any, Literal, Unpack

import pyro
import torch

from ...errors import ConfigError, DataError
from ...evaluate.inputs import Data
from ...evaluate.options import SweepOptions, seed_or_fresh
from ...evaluate.sweep import sweep_over, sweeps
from ...models.capabilities import ReadsAsText
from ...particles.isolation import isolated
from ...particles.pair import takes_pair
from ...particles.tracing import Program
from .curves import bent, spherical, straight
from .ends import Encoded, Others, prior_mean
from .geodesic import FINE, geodesic
from .lines import Lines, lines_between
from .metric import MetricName, energy, length
from .strips import Interpolation


@takes_pair
@sweeps
def interpolate(
    model: Program,
    guide: Program,
    x: Data,
    *args: Any,  # noqa: ANN401 (whatever the pair takes)
    path: Literal["all", "linear", "spherical", "geodesic"] = "all",
    metric: MetricName = "mean",
    steps: int = 9,
    num_pairs: int = 8,
    site: str | None = None,
    others: Others = "model",
    num_sines: int = 8,
    num_iterations: int = 100,
    **options: Unpack[SweepOptions],
) -> Interpolation | Lines:
    r"""Go from one datum to another through latent space, and decode what lies between.

    Rows 0 and 1 of the data are the first pair, rows 2 and 3 the second, and so on. The ends are
    posterior means. A `linear` path crosses regions that the prior hardly visits; a `spherical`
    one goes around the prior's mean, with the distance from it in proportion; a `geodesic` is the
    shortest in what it decodes to, and so changes the datum no more than it must.

    The decoded length is the point of comparison, not the look. A geodesic knows nothing of where
    the data are: it may cross a region that the decoder was never trained on, if the decoder is
    flat there, unless p(x|z) becomes uncertain there, which only the metrics "moments" and
    "fisher" see. The search finds a local minimum, never one longer than the straight line.

    Between texts, of a pair that has a method `to_text`, it gives `Lines`: a text at each step,
    of the likeliest code after those before. There is no geodesic between them, and no metric.

    Args:
        model: Pyro model p(z)p(x|z), called as `model(x, *args)`.
        guide: Pyro guide q(z|x), called likewise.
        x: Data [N, ...] of any kind, N >= 2: see `SweepOptions`.
        path: linear, spherical, geodesic, or all of them.
        metric: What length is of: `mean`, Euclidean distance of E[x|z] in the units of the data;
            `moments`, of means and standard deviations; `fisher`, the Fisher-Rao metric of p(x|z)
            by Kullback-Leibler divergences, which has no unit.
        steps: Points of a strip, both ends included.
        num_pairs: Pairs at most.
        site: Name of the latent; may be left out where there is one continuous latent.
        others: What other latents are: `model`, their mean given the latents before them in the
            model; `posterior`, the means of q, in a straight line between the ends (and what is
            discrete as at the first).
        num_sines: How sharply a geodesic can bend.
        num_iterations: Of the search, at most.
        options: `chunk`, `rows`, `seed`, ...: see `SweepOptions`.

    Raises:
        ConfigError: A number makes no sense, or a geodesic between texts is asked for.
        DataError: There are fewer than two data.
        ShapeError: The model observes no site that holds the data.
        SiteError: There is no such latent, or another one has no mean; or the divergence of this
            likelihood is not known.

    Source:
        the metric: Latent Space Oddity (Arvanitidis et al., 2018), sec. 2 and 4,
        https://arxiv.org/abs/1710.11379; geodesics by energy: The Riemannian Geometry of Deep
        Generative Models (Shao et al., 2018), https://arxiv.org/abs/1711.08014; Fisher-Rao:
        Pulling Back Information Geometry (Arvanitidis et al., 2022),
        https://arxiv.org/abs/2106.05367

    Example:
        >>> from pyrovae.data.synthetic import LinearGaussian
        >>> pair = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> found = interpolate(pair, pair.sample(4, seed=1), seed=0)
        >>> found.images["geodesic"].shape
        torch.Size([2, 9, 5])
    """
    for name, (value, least) in {"steps": (steps, 2), "num_pairs": (num_pairs, 1),
                                 "num_sines": (num_sines, 1),
                                 "num_iterations": (num_iterations, 1)}.items():  # fmt: skip
        if value < least:
            raise ConfigError(f"interpolate got {name}={value}; it needs {least} at least")
    seed = options["seed"] = seed_or_fresh(options.get("seed"))
    sweep = sweep_over(model, guide, x, args, 1, options)
    pairs = min(num_pairs, sweep.num_data // 2)
    if pairs == 0:
        raise DataError(
            f"interpolate got {sweep.num_data} datum, and goes from one to another; give two"
        )
    with isolated(), sweep.networks_in_mode(), torch.no_grad():
        pyro.set_rng_seed(seed)
        encoded = Encoded.of(sweep, site, "interpolate")
        starts = torch.arange(pairs) * 2
        decoder = encoded.decoder(starts, starts + 1, others=others)
        data = decoder.args[0]
        first, last = (encoded.at(rows) for rows in (starts, starts + 1))
        center = prior_mean(decoder, first)
        curves: dict[str, Any] = {
            "linear": lambda t: straight(first, last, t),
            "spherical": lambda t: spherical(first, last, t, center),
        }
        t = torch.linspace(0, 1, steps, dtype=torch.float64).to(first)
        owner = getattr(model, "__self__", None)
        if isinstance(owner, ReadsAsText):
            return lines_between(owner, decoder, (data, encoded.data(starts + 1)), curves, t, path)
        if path in ("all", "geodesic"):
            found = geodesic(decoder, first, last, metric, num_sines=num_sines,
                             num_steps=num_iterations, center=center)  # fmt: skip
            curves["geodesic"] = lambda t: bent(first, last, found, t)
        fine = FINE.to(first)
        curves = {name: curve for name, curve in curves.items() if path in ("all", name)}
        ends = torch.stack([data, encoded.data(starts + 1)], 1)
        return Interpolation(
            ends=ends.cpu(),
            images={name: decoder.mean(c(t), t).cpu() for name, c in curves.items()},
            latents={name: c(t).cpu() for name, c in curves.items()},
            lengths={n: length(decoder, c(fine), fine, metric).cpu() for n, c in curves.items()},
            energies={n: energy(decoder, c(fine), fine, metric).cpu() for n, c in curves.items()},
            site=encoded.site,
            metric=metric,
        )
