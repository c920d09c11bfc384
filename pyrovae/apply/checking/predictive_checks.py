"""Predictive checks: do data drawn from a trained pair look like the data?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Unpack

import torch
from torch import Tensor

from ...data.base import mix_seed
from ...errors import ConfigError
from ...evaluate import SweepOptions
from ...evaluate.codes import check_no_codes
from ...evaluate.inputs import Data
from ...evaluate.options import seed_or_fresh
from ...evaluate.own_steps import check_no_own_steps
from ...evaluate.sweep import Sweep, sweep_over, sweeps
from ...particles.pair import takes_pair
from ...particles.tracing import Program
from ...runtime.progress import progress_bar
from ...runtime.result import Result
from .replicates import Predictive, check_predictive, replicate_data
from .statistics import NamedStatistic, Statistics, Word, named
from .tails import Tails, overall_deviations

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STATISTICS: tuple[Word, ...] = ("mean", "sd", "sum_sd", "zeros", "roughness", "element_means")


@dataclass(frozen=True, eq=False)
class CheckedStatistic:
    """A statistic of the data among those of the replicated data sets, float64.

    Attributes:
        observed: Of the data [M]; of T(x, z) [R, 1], at the latents of each replicate.
        replicated: Of each replicated data set [R, M].
        tails: Tail probabilities of each of the M values.
        scalar_observed: The number that the table shows: the value itself, or of a vector the
            root mean square of its standardised entries; see `tails.overall_deviations`.
        scalar_replicated: The same of each replicate [R].
        p: Two-sided tail probability of that number; of a vector, that its entries deviate as far.
        p_calibrated: The rank of `p` among those of data sets that the model made; None where
            that was not asked for.
    """

    observed: Tensor
    replicated: Tensor
    tails: Tails
    scalar_observed: float
    scalar_replicated: Tensor
    p: float
    p_calibrated: float | None = None

    @staticmethod
    def of(observed: Tensor, replicated: Tensor) -> "CheckedStatistic":
        tails = Tails.of(observed, replicated)
        if replicated.shape[1] == 1:
            alone, others, p = observed.mean(0), replicated, tails.two_sided
        else:
            alone, others = overall_deviations(observed, replicated)
            p = Tails.of(alone, others).upper
        return CheckedStatistic(observed, replicated, tails, float(alone), others[:, 0], float(p))

    @property
    def error(self) -> float:
        """Monte Carlo standard error of `p`."""
        sides = 2 if self.replicated.shape[1] == 1 else 1
        tail = self.p / sides
        return sides * float((tail * (1 - tail) / len(self.replicated)) ** 0.5)

    def numbers(self) -> dict[str, Any]:
        """For a JSON file."""
        entries = self.tails.two_sided
        return {
            "observed": self.scalar_observed,
            "replicated_mean": float(self.scalar_replicated.mean()),
            "replicated_sd": float(self.scalar_replicated.std(unbiased=False)),
            "p": self.p,
            "p_monte_carlo_error": self.error,
            **({} if self.p_calibrated is None else {"p_calibrated": self.p_calibrated}),
            **(
                {"p_upper": float(self.tails.upper), "p_mid": float(self.tails.mid)}
                if len(entries) == 1
                else {
                    "num_entries": len(entries),
                    "share_of_entries_below_5_percent": float((entries < 0.05).double().mean()),
                }
            ),
        }


@dataclass(frozen=True, eq=False)
class PredictiveCheck(Result):
    """What `predictive_check` gives.

    Attributes:
        checked: By name of the statistic.
        predictive: "posterior" or "prior".
        num_data: Rows of a data set.
    """

    checked: Mapping[str, CheckedStatistic]
    predictive: Predictive
    num_data: int

    def cells(self) -> Sequence[Sequence[str]]:
        is_calibrated = any(c.p_calibrated is not None for c in self.checked.values())
        head = ["statistic", "data", "replicated", "p", "+-", *(["calibrated p"] * is_calibrated)]
        found = [head]
        for name, c in self.checked.items():
            entries = c.replicated.shape[1]
            made = c.scalar_replicated
            row = [
                name if entries == 1 else f"{name} ({entries}, rms in sd)",
                f"{c.scalar_observed:.4g}",
                f"{made.mean():.4g} +- {made.std(unbiased=False):.2g}",
                f"{c.p:.3f}",
                f"{c.error:.3f}",
            ]
            found.append(row + ([f"{c.p_calibrated:.3f}"] if is_calibrated else []))
        return found

    def records(self) -> list[dict[str, Any]]:
        """A row for each statistic."""
        return [
            {
                "statistic": name,
                "data": float(c.scalar_observed),
                "replicated": float(c.scalar_replicated.mean()),
                "replicated_sd": float(c.scalar_replicated.std(unbiased=False)),
                "p": float(c.p),
                "p_error": float(c.error),
                "p_calibrated": c.p_calibrated,
            }
            for name, c in self.checked.items()
        ]

    def numbers(self) -> dict[str, Any]:
        return {
            "predictive": self.predictive,
            "num_data": self.num_data,
            "num_replicates": len(next(iter(self.checked.values())).replicated),
            "statistics": {name: c.numbers() for name, c in self.checked.items()},
        }

    def arrays(self) -> dict[str, Tensor]:
        """`NAME` of the data and `NAME_replicated` of the replicates."""
        found = {name: c.observed for name, c in self.checked.items()}
        return found | {f"{name}_replicated": c.replicated for name, c in self.checked.items()}

    def plot(self) -> "Figure":
        """A histogram of each statistic over the replicates, with that of the data."""
        from ...plots.checks import replicated_statistics

        return replicated_statistics(
            {
                name if c.replicated.shape[1] == 1 else f"{name}, rms in sd":
                (c.scalar_observed, c.scalar_replicated, c.p) for name, c in self.checked.items()
            },
            title=f"{self.predictive} predictive, data sets of {self.num_data}",
        )  # fmt: skip


@takes_pair
@sweeps
def predictive_check(
    model: Program,
    guide: Program,
    x: Data,
    *args: Any,  # noqa: ANN401 (whatever the pair takes)
    statistics: Statistics = STATISTICS,
    replicates: int = 500,
    predictive: Predictive = "posterior",
    calibrate: int = 0,
    **options: Unpack[SweepOptions],
) -> PredictiveCheck:
    """Compare statistics of data with those of data sets that a trained pair draws.

    A replicate is a whole data set, a draw for each row: x_rep ~ p(x|z), with z ~ q(z|x) of that
    row ("posterior") or z ~ p(z) ("prior"). Its p says how often a statistic of a replicate is
    further out than that of the data, on either side: a small one means that the model does not
    make data as these are in this respect. For each statistic it is tested by itself; among many,
    some are small by chance.

    **Posterior predictive p-values are conservative**: a right model gives values around 1/2, not
    uniform ones, since each row's z has seen that row, and a wrong one is often not found by them.
    Two ways to values that are uniform under a right model, at any number of replicates:

    - "prior" on held-out data, which parameters have not been fitted to. It asks whether new data
      look like these, the question of a population predictive check.
    - `calibrate=M` makes the same check for M data sets that the model made, and ranks the p of
      the data among theirs. It costs M + 1 times as much. The guide need not be exact.

    Several observed sites, and what the model computes from its arguments (labels, masks, sizes of
    counts), stay as they are given. Values that a mask leaves out stay those of the data. A model
    that draws each step given the data's own steps before it makes no replicates, and is refused.

    Args:
        model: Pyro model p(z)p(x|z), called as `model(x, *args)`.
        guide: Pyro guide q(z|x), called likewise.
        x: Data [N, ...] of any kind: see `SweepOptions`. Held-out data for "prior".
        statistics: Words, or functions of a data set [N, ...] on the CPU that give a number or a
            vector; functions T(x, z) that also take the latents by name, each [N, ...], and give a
            number, are compared at the same z for data and replicate. A mapping names them.
            Words: see `apply.statistics.Word`.
        replicates: R, 20 or more. The smallest p is 2 / (R + 1).
        predictive: What replicates are drawn from: posterior or prior.
        calibrate: M, data sets by which p is calibrated, 19 or more; 0 leaves that out.
        options: `chunk`, `rows`, `seed`, ...: see `SweepOptions`.

    Raises:
        ConfigError: There is no such statistic, or too few replicates, or the prior is improper.
        DataError: A statistic is not finite, or is a word that computes with codes; or the model
            draws each step given the data's own steps.
        ShapeError: A statistic is no number and no vector, or no site of the model holds the data.
        SiteError: The guide lacks a latent of the model.

    Source:
        Gelman, Meng & Stern (1996), Posterior predictive assessment of model fitness; that the
        values are not uniform, and what is: Bayarri & Berger (2000), P values for composite null
        models; held-out data: Moran, Cunningham & Blei (2019), https://arxiv.org/abs/1908.00882;
        calibration: Hjort, Dahl & Steinbakk (2006), Post-processing posterior predictive p-values

    Example:
        >>> from pyrovae.data.synthetic import LinearGaussian
        >>> oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> x = oracle.sample(100, seed=1)
        >>> found = predictive_check(oracle, x, statistics=["mean", "sd"], replicates=50, seed=2)
        >>> found.checked["sd"].replicated.shape
        torch.Size([50, 1])
    """
    wanted = named(statistics)
    if replicates < 20 or not (calibrate == 0 or calibrate >= 19):
        raise ConfigError(
            f"predictive_check got replicates={replicates} and calibrate={calibrate}; it needs 20 "
            "replicates or more, and 19 data sets to calibrate by or more (0: none)"
        )
    sweep = sweep_over(model, guide, x, args, 1, options)
    seed = seed_or_fresh(sweep.seed)
    sweep = sweep.again(seed=seed)
    check_predictive(predictive)
    if any(statistic.is_word and statistic.name != "zeros" for statistic in wanted):
        way = "give statistics= as functions of the data, the lengths of texts for one"
        check_no_codes(sweep, "predictive_check", way)
    check_no_own_steps(sweep, "predictive_check")
    with progress_bar(replicates * (calibrate + 1), "replicates", sweep.progress) as bar:
        checked = _checked(sweep, wanted, replicates, predictive, seed, bar)
        if calibrate:
            others = [
                _checked(made, wanted, replicates, predictive, mix_seed(seed, 1 + index), bar)
                for index, made in enumerate(_made_by_model(sweep, calibrate, seed))
            ]
            checked = {name: _calibrated(c, [o[name] for o in others])
                       for name, c in checked.items()}  # fmt: skip
    return PredictiveCheck(checked, predictive, sweep.num_data)


def _checked(
    sweep: Sweep,
    wanted: list[NamedStatistic],
    replicates: int,
    predictive: Predictive,
    seed: int,
    bar: Any,  # noqa: ANN401
) -> dict[str, CheckedStatistic]:
    keeps = any(statistic.takes_latents for statistic in wanted)
    found: dict[str, list[Tensor]] = {statistic.name: [] for statistic in wanted}
    own: dict[str, list[Tensor]] = {statistic.name: [] for statistic in wanted}
    drawn = replicate_data(sweep, replicates, predictive, seed, keeps_latents=keeps)
    for index, (x, made) in enumerate(drawn):
        for statistic in wanted:
            found[statistic.name].append(statistic(made.x, made.latents))
            if statistic.takes_latents or index == 0:
                own[statistic.name].append(statistic(x, made.latents))
        bar.update()
    return {
        s.name: CheckedStatistic.of(
            torch.stack(own[s.name]) if s.takes_latents else own[s.name][0],
            torch.stack(found[s.name]),
        )
        for s in wanted
    }


def _made_by_model(sweep: Sweep, count: int, seed: int) -> Iterator[Sweep]:
    """The sweep over data sets that the model made in place of its data."""
    others = sweep.inputs.data[1:]
    for _, made in replicate_data(sweep, count, "prior", mix_seed(seed, 0)):
        yield replace(sweep, data=(made.x, *others), columns=None, transform=None)


def _calibrated(checked: CheckedStatistic, others: Sequence[CheckedStatistic]) -> CheckedStatistic:
    rank = Tails.of(torch.tensor([checked.p]), torch.tensor([[other.p] for other in others]))
    return replace(checked, p_calibrated=float(rank.lower))
