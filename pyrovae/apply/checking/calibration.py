"""Simulation-based calibration: are a guide's draws those of the model's posterior?"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any, Unpack

import torch
from torch import Tensor

from ...errors import ConfigError, ShapeError
from ...evaluate import SweepOptions
from ...evaluate.block import Block
from ...evaluate.inputs import Data
from ...evaluate.simulated import ToData, simulated
from ...evaluate.sweep import sweep_over, sweeps
from ...evaluate.validity import check_weights
from ...particles import Particles, score
from ...particles.handlers import prior_of
from ...particles.pair import takes_pair
from ...particles.tracing import Program
from ...runtime.result import Result
from .ranks import UniformRanks, holm
from .statistics import Latents

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Quantity = Callable[[Latents, Tensor], Tensor]
"""Of latents by name [M, ...] and the data they belong to [M, ...]: a number a row, [M]."""

LOG_JOINT = "log p(x, z)"
_SHOWN, _DRAWN = 10, 4  # rows of the table, columns of the picture


@dataclass(frozen=True, eq=False)
class Calibration(Result):
    """What `check_calibration` gives; Q quantities, the worst first.

    Attributes:
        names: Of the quantities: "z[3]" is the fourth coordinate of latent z.
        ranks: Of the true value among the guide's draws, 0 to L [N, Q].
        p_ecdf: Of the test by the simultaneous band of the ECDF [Q].
        p_chi_squared: Of the chi-squared test of binned ranks [Q].
        p: `p_ecdf` adjusted for all Q by Holm's method [Q].
        shapes: In words what ranks that are not uniform (p < .05) say of the draws [Q].
        num_draws: L.
    """

    names: Sequence[str]
    ranks: Tensor
    p_ecdf: Tensor
    p_chi_squared: Tensor
    p: Tensor
    shapes: Sequence[str]
    num_draws: int

    @property
    def is_calibrated(self) -> bool:
        """Whether no quantity is found not to be, with 5 % of false alarms for all together."""
        return bool((self.p >= 0.05).all())

    def cells(self) -> Sequence[Sequence[str]]:
        found = [["quantity", "mean rank", "chi2 p", "ECDF p", "adjusted p", "draws are"]]
        scaled = (self.ranks.double().mean(0) + 0.5) / (self.num_draws + 1)
        for i, name in enumerate(self.names[:_SHOWN]):
            numbers = self.p_chi_squared[i], self.p_ecdf[i], self.p[i]
            found.append(
                [name, f"{scaled[i]:.3f}", *(f"{p:.4f}" for p in numbers), self.shapes[i]]
            )
        wrong = int((self.p < 0.05).sum())
        total = f"of {len(self.names)}, {len(self.ranks)} data each"
        return [*found, [total, "", "", "", "", f"{wrong} not calibrated"]]

    def records(self) -> list[dict[str, Any]]:
        """A row for each quantity, the worst first."""
        scaled = (self.ranks.double().mean(0) + 0.5) / (self.num_draws + 1)
        return [
            {
                "quantity": name,
                "mean_rank": float(scaled[i]),
                "p_chi_squared": float(self.p_chi_squared[i]),
                "p_ecdf": float(self.p_ecdf[i]),
                "p": float(self.p[i]),
                "shape": self.shapes[i],
            }
            for i, name in enumerate(self.names)
        ]

    def numbers(self) -> dict[str, Any]:
        return {
            "is_calibrated": self.is_calibrated,
            "num_data": len(self.ranks),
            "num_draws": self.num_draws,
            "num_not_calibrated": int((self.p < 0.05).sum()),
            "quantities": {
                name: {
                    "p": float(self.p[i]),
                    "p_ecdf": float(self.p_ecdf[i]),
                    "p_chi_squared": float(self.p_chi_squared[i]),
                    "shape": self.shapes[i],
                }
                for i, name in enumerate(self.names)
            },
        }

    def arrays(self) -> dict[str, Tensor]:
        """`ranks` [N, Q], in the order of the quantities in `numbers`."""
        return {"ranks": self.ranks}

    def plot(self) -> "Figure":
        """Rank histograms and ECDFs of the worst quantities, with their 95 % bands."""
        from ...plots.checks import rank_histograms

        test = UniformRanks(len(self.ranks), self.num_draws)
        return rank_histograms(
            {name: self.ranks[:, i] for i, name in enumerate(self.names[:_DRAWN])},
            self.num_draws,
            test.bin_edges,
            test.histogram_band,
            test.ecdf_bands,
            title=f"the {min(_DRAWN, len(self.names))} worst of {len(self.names)}, "
            f"{len(self.ranks)} simulated data",
        )


@takes_pair
@sweeps
def check_calibration(
    model: Program,
    guide: Program,
    x: Data,
    *args: Any,  # noqa: ANN401 (whatever the pair takes)
    num_draws: int = 99,
    quantities: Mapping[str, Quantity] | None = None,
    to_data: ToData | None = None,
    **options: Unpack[SweepOptions],
) -> Calibration:
    """Simulation-based calibration: test a guide against the posterior of its model.

    With (z, x) ~ p(z, x), z is a draw of p(z|x). If the guide is that posterior, z and L draws of
    q(z|x) cannot be told apart, and the rank of z among them is uniform: in every coordinate, and
    for every function of latents and data, of which log p(x, z) is always tested since it finds
    what single coordinates hide, such as wrong correlations. A U of ranks means that the guide is
    too narrow, a hump that it is too wide, a slope that it lies too low or too high.

    It says nothing of whether the model fits any data: that is `predictive_check`. Nor does it say
    how much is lost by a wrong guide, which `inference_gaps` does: with many data it finds gaps
    that do not matter. A guide trained on data may be far better there than on what a model that
    does not fit them makes.

    Args:
        model: Pyro model p(z)p(x|z), called as `model(x, *args)`; its prior is proper.
        guide: Pyro guide q(z|x), called likewise.
        x: As many data are simulated, of this shape; 200 or more see what matters. What else the
            pair takes (labels, contexts: further tensors of `x`, or `args`) stays as it is given.
        num_draws: L, draws of the guide for each datum. They are independent, and so not thinned.
        quantities: Functions of latents and data by name, which are tested too.
        to_data: Makes the first arguments of the pair from what its observed sites would have
            held, by name. Without it the pair has one observed site, whose value is its first
            argument.
        options: `chunk`, `rows`, `seed`, ...: see `SweepOptions`.

    Raises:
        ConfigError: There are too few draws, or the model's prior is improper.
        DataError: The observed sites do not give the pair's data; see `to_data`.
        PlateError: Latents are not drawn for each datum by itself.
        ShapeError: A quantity is not a number for each row.

    Source:
        Talts et al. (2018), https://arxiv.org/abs/1804.06788; of variational guides: Yao et al.
        (2018), sec. 3.2, https://arxiv.org/abs/1802.02538; functions of the data: Modrak et al.
        (2023), https://arxiv.org/abs/2211.02383; the tests: see `apply.ranks.UniformRanks`. Ties,
        as of discrete latents, are broken at random.

    Example:
        >>> from pyrovae.data.synthetic import LinearGaussian
        >>> weight = torch.tensor([[1.0], [0.5]])
        >>> exact = LinearGaussian(weight, torch.zeros(2), 0.5)  # its guide is the posterior
        >>> check_calibration(exact, torch.zeros(300, 2), seed=0).is_calibrated
        True
    """
    if num_draws < 9:
        raise ConfigError(
            f"check_calibration got num_draws={num_draws}, and needs 9 or more; 99 "
            "give a hundred ranks"
        )
    sweep = sweep_over(model, guide, x, args, num_draws, options)
    sweep.check_data_are_apart("ranks")
    found = sweep.each(lambda block: _ranks(block, quantities or {}, to_data))
    names, ranks = found[0][0], torch.cat([own for _, own in found])
    test = UniformRanks(len(ranks), num_draws)
    p_ecdf, p_chi_squared = test.p_ecdf(ranks), test.p_chi_squared(ranks)
    p = holm(p_ecdf)
    order = torch.argsort(p_ecdf + 1e-6 * p_chi_squared, stable=True)  # ties of the smallest
    shapes = test.shapes(ranks)
    return Calibration(
        names=[names[i] for i in order],
        ranks=ranks[:, order],
        p_ecdf=p_ecdf[order],
        p_chi_squared=p_chi_squared[order],
        p=p[order],
        shapes=[shapes[i] if p[i] < 0.05 else "flat" for i in order],
        num_draws=num_draws,
    )


def _ranks(
    block: Block, quantities: Mapping[str, Quantity], to_data: ToData | None
) -> tuple[list[str], Tensor]:
    """Names of the quantities, and the ranks of the true ones [b, Q] for simulated rows."""
    check_weights(block.draw(1), "check_calibration")
    latents, _, block = simulated(block, to_data)
    true = score(block.model, prior_of(block.model), *block.args, latents=latents,
                 batch_plate=block.batch_plate)  # fmt: skip
    truth = _quantities(true, latents, block.args[0], quantities)
    below = {name: torch.zeros(value.shape[1:]) for name, value in truth.items()}
    equal = {name: torch.zeros(value.shape[1:]) for name, value in truth.items()}
    for p in block.draws():
        drawn = {name: p.latents[name] for name in latents}
        for name, value in _quantities(p, drawn, block.args[0], quantities).items():
            ties = _are_equal(value, truth[name])
            below[name] += ((value < truth[name]) & ~ties).sum(0).cpu()
            equal[name] += ties.sum(0).cpu()
    ranks = {
        name: (low + (torch.rand(low.shape) * (equal[name] + 1)).floor()).long()
        for name, low in below.items()
    }
    names = [
        f"{name}[{', '.join(map(str, place))}]" if place else name
        for name, own in ranks.items()
        for place in product(*map(range, own.shape[1:]))
    ]
    return names, torch.cat([own.reshape(len(own), -1) for own in ranks.values()], dim=1)


def _quantities(
    p: Particles, latents: Latents, x: Tensor, functions: Mapping[str, Quantity]
) -> dict[str, Tensor]:
    """Values by name [K, b, ...] of latents [K, b, ...]."""
    found = dict(latents)
    for name, function in functions.items():
        rows = {site: z.flatten(0, 1) for site, z in latents.items()}
        value = function(rows, x.repeat(p.num_particles, *[1] * (x.dim() - 1)))
        if not isinstance(value, Tensor) or value.shape != (p.num_particles * len(x),):
            got = list(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise ShapeError(
                f"quantity '{name}' gave {got} for {p.num_particles * len(x)} rows of latents and "
                "data, and must give a tensor with a number for each row"
            )
        found[name] = value.reshape(p.num_particles, len(x))
    found[LOG_JOINT] = p.log_prior + p.log_lik
    return found


def _are_equal(values: Tensor, truth: Tensor) -> Tensor:
    """Equal but for rounding, which depends on how many particles are computed at once."""
    if not values.is_floating_point():
        return values == truth
    tolerance = 100 * torch.finfo(values.dtype).eps * (1 + truth.abs())
    return (values == truth) | ((values - truth).abs() <= tolerance)
