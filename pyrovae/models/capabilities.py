"""What a pair can do besides `model` and `guide`, as its methods and attributes say.

The command line and the report ask for these methods and attributes, never for a class. A user's
own pair that has some of them, be it a class or a file, is treated as a built-in family is. None
of them is needed. All but `start` are called in evaluation mode and without gradients.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import pyro.distributions as dist
from torch import Tensor

Figure = tuple[str, str, str, Mapping[str, float]]
"""A row of the report: what it is, its value as text, a remark, and the numbers by name."""


def evidence_of(what: str, remark: str = "") -> Figure:
    """The row that says what ELBO and NLL are of, where that is not p(x)."""
    return "evidence", what, ": ".join(filter(None, ["what ELBO and NLL are of", remark])), {}


@runtime_checkable
class TakesLabels(Protocol):
    """Says how its programs are called.

    Attributes:
        takes_labels: Whether they are called as (x, y), y [B, ...] what is known besides x.
    """

    takes_labels: bool


@runtime_checkable
class StartsFromData(Protocol):
    """Takes initial values from training data: `pyrovae fit --start N`."""

    def start(self, x: Tensor, *, seed: int = 0) -> None:
        """Write parameters or buffers; x [N, *data_shape]."""


@runtime_checkable
class GeneratesClasses(Protocol):
    """Makes data of classes or clusters: `pyrovae sample --classes`."""

    def generate_classes(self, classes: Tensor, *, mean: bool = True) -> Tensor:
        """For classes [N] the mean of p(x|class, z), or a draw from it [N, *data_shape].

        Raises:
            DataError: There is no such class.
        """


@runtime_checkable
class Classifies(Protocol):
    """Predicts classes; the report scores them against the labels of the data."""

    def predict(self, x: Tensor) -> dist.Categorical:
        """The distribution of the class of x [B, *data_shape], batch shape [B]."""


@runtime_checkable
class FindsClusters(Protocol):
    """Finds clusters without labels; the report compares them with the labels of the data."""

    def clusters(self, x: Tensor) -> Tensor:
        """The probabilities of the clusters [B, C] for x [B, *data_shape]."""


@runtime_checkable
class CountsObserved(Protocol):
    """Data are partly missing; the report divides bits by the values that were observed."""

    def num_observed(self, x: Tensor, y: Tensor) -> float:
        """Mean number of observed values a datum, for x [B, *data_shape] and its y [B, ...]."""


@runtime_checkable
class CountsTokens(Protocol):
    """Its data consist of tokens: `perplexity` and the report divide the NLL by their number.

    An attribute `token` may say what one is called, "character" or "word".
    """

    def num_tokens(self, x: Tensor) -> Tensor:
        """How many tokens log p(x) is of, for each datum [N] of x [N, *data_shape].

        Of text the codes and the end, which is predicted too. Not of a bag of words: its log p(x)
        is that of words in any order, and no product over them.
        """


@runtime_checkable
class HasFigures(Protocol):
    """Has further rows for the table of the report, and numbers for its JSON file."""

    def figures(self, x: Tensor, y: Tensor | None) -> Sequence[Figure]:
        """The rows for held-out data x [N, *data_shape], and their y [N, ...] or None."""


@runtime_checkable
class ReadsAsText(Protocol):
    """Its data are text: `pyrovae sample` and the report write lines in the place of pictures."""

    def to_text(self, x: Tensor) -> list[str]:
        """The text of each datum of x [N, *data_shape]."""


@runtime_checkable
class ReadsSources(Protocol):
    """What is given is text too: `pyrovae sample` writes each source before what is made of it.

    Attributes:
        reads_sources: Whether `to_text` reads y [N, ...] as it reads x.
    """

    reads_sources: bool


@runtime_checkable
class ReadsAsSound(Protocol):
    """Its data are sounds: `pyrovae sample` writes WAV files.

    Attributes:
        sample_rate: In Hz.
    """

    sample_rate: int

    def to_sound(self, x: Tensor) -> Tensor:
        """The samples of each datum [N, S], in -1..1, of x [N, *data_shape]."""


@runtime_checkable
class ReadsAsTable(Protocol):
    """Its data are rows of named columns: `pyrovae sample` writes a CSV file."""

    def to_columns(self, x: Tensor) -> Mapping[str, Sequence[Any]]:
        """The values of each column [N], in its own units, of x [N, *data_shape].

        Where it has a further argument `mask`, that is given too: elsewhere a cell is missing, and
        its value is None. Of others x is NaN there.
        """


@runtime_checkable
class ReadsAsSeries(Protocol):
    """Its data are series over time: `pyrovae sample` and the report draw lines."""

    def to_series(self, x: Tensor) -> Tensor:
        """The series [N, T, D] of x [N, *data_shape]; NaN where there is no value."""


@runtime_checkable
class Forecasts(Protocol):
    """Its data are time series: `pyrovae forecast` draws what comes after them."""

    def forecast(
        self, x: Tensor, horizon: int, y: Tensor | None = None, *, num_samples: int = 1000
    ) -> Tensor:
        """Draws of the next H steps [S, B, H, D] of x [B, T, D] with its lengths or mask."""


@runtime_checkable
class HasStrata(Protocol):
    """Has a discrete latent that `objectives.StratifiedELBO` sums out.

    Attributes:
        num_strata: Its number of values, and so of the particles that the sum takes.
    """

    num_strata: int
