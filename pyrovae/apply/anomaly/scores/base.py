"""What a score is: a number for each datum, higher for data that look normal to the pair."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self, Unpack, cast

from torch import Tensor

from ....data import Rows
from ....errors import ConfigError, PlateError
from ....evaluate import SweepOptions, why_no_evidence
from ....evaluate.inputs import Data, Inputs
from ....particles.pair import Programs, takes_pair_itself
from ....particles.tracing import Program


class Score(ABC):
    """How normal data look to a trained pair: one number each, higher is more normal.

    A subclass is a frozen dataclass of its settings that implements `measure`; one that learns
    from data also sets `needs_reference` and implements `fitted`. Nothing is changed in place.

    Attributes:
        name: In tables and on the command line.
        needs_reference: It must be fitted before it measures.
    """

    name: ClassVar[str]
    needs_reference: ClassVar[bool] = False

    @abstractmethod
    def measure(self, pair: Programs, x: Rows, options: SweepOptions) -> Tensor:
        """The scores [N], float64 on the CPU.

        Args:
            pair: Model and guide.
            x: Data, as the pair takes them.
            options: Without `columns` and `transform`, which are applied.
        """

    def fitted(self, pair: Programs, reference: Data, options: SweepOptions) -> Self:
        """The score with what it takes of normal data; itself where that is nothing."""
        return self

    @takes_pair_itself
    def fit(
        self, model: Program, guide: Program, reference: Data, **options: Unpack[SweepOptions]
    ) -> Self:
        """The score with what it takes of normal data; the score at hand stays as it is.

        Args:
            model: Pyro model; one object with `.model` and `.guide` may take the place of both.
            guide: Pyro guide.
            reference: Normal data, best not those that the pair was trained on.
            options: See `pyrovae.evaluate.SweepOptions`.
        """
        return self.fitted((model, guide), reference, options)

    @takes_pair_itself
    def __call__(
        self, model: Program, guide: Program, x: Data, **options: Unpack[SweepOptions]
    ) -> Tensor:
        """The score of each datum [N], float64 on the CPU.

        Args:
            model: Pyro model; one object with `.model` and `.guide` may take the place of both.
            guide: Pyro guide.
            x: Data [N, ...] of any kind; for a pair of several arguments, such as (x, y), a tuple.
            options: `chunk`, `rows`, `seed`, ...: see `pyrovae.evaluate.SweepOptions`.

        Raises:
            ConfigError: The pair cannot give this score, or the score is not fitted.
            PlateError: Data are measured jointly (`batch_plate=None`).
        """
        return self.measure((model, guide), *applied(x, options))


def applied(x: Data, options: SweepOptions) -> tuple[Rows, SweepOptions]:
    """The data as the pair takes them, and the options that are left.

    Raises:
        PlateError: Data are to be measured jointly.
    """
    if options.get("batch_plate", "auto") is None:
        raise PlateError(
            "batch_plate is None, and scores by datum need a plate over data: name it"
        )
    left: Any = {k: v for k, v in options.items() if k not in ("columns", "transform")}
    found = Inputs.of(x, columns=options.get("columns"), transform=options.get("transform")).source
    return found, cast(SweepOptions, left)


def check_evidence(pair: Programs, x: Rows, where: str, options: SweepOptions) -> None:
    """Refuse a pair that has no p(x) to bound or estimate.

    Raises:
        ConfigError: It has none; `where` names the score.
    """
    why = why_no_evidence(*pair, *x[:2], mode=options.get("mode", "evaluation"))
    if why is not None:
        raise ConfigError(
            f"the score '{where}' is of p(x), and {why}; use the score 'reconstruction', or take "
            "a model with a proper prior and a guide that draws"
        )
