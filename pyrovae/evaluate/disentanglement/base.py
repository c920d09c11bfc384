"""What the metrics of disentanglement share: checked tables, gaps, rows to train and test on."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from ...data.conversion import as_tensor
from ...errors import ConfigError, DataError
from ...runtime.result import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Gaps(Result):
    """How much more information the best code has of each factor than the next best.

    Attributes:
        matrix: Score of each code for each factor [L, F].
        per_factor: Difference of the two largest entries of each column [F]; with a single code,
            its entry.
        best: The code with the largest entry of each column [F].
    """

    matrix: Tensor
    per_factor: Tensor
    best: Tensor

    @property
    def score(self) -> float:
        """Mean over the factors."""
        return float(self.per_factor.mean())

    def cells(self) -> list[list[str]]:
        return [["factor", "best code", "its score", "gap"]] + [
            [str(r["factor"]), str(r["best_code"]), f"{r['score']:.3f}", f"{r['gap']:.3f}"]
            for r in self.records()
        ]

    def notes(self) -> list[str]:
        return [f"mean gap {self.score:.3f}"]

    def records(self) -> list[dict[str, Any]]:
        best, gaps = self.best.tolist(), self.per_factor.tolist()
        return [
            {"factor": i, "best_code": code, "score": float(self.matrix[code, i]), "gap": gaps[i]}
            for i, code in enumerate(best)
        ]

    def numbers(self) -> dict[str, Any]:
        return {"score": self.score, "factors": self.records(), "matrix": self.matrix.tolist()}

    def arrays(self) -> dict[str, Tensor]:
        return {"matrix": self.matrix}

    def plot(self) -> "Figure":
        """The score of each code for each factor."""
        from ...plots.matrices import matrices  # matplotlib is slow to import

        return matrices({f"mean gap {self.score:.3f}": self.matrix})


def gaps_of(matrix: np.ndarray) -> Gaps:
    """Gaps of a matrix [L, F]."""
    table = torch.from_numpy(matrix)
    first, *others = table.sort(0, descending=True).values
    return Gaps(table, first - others[0] if others else first, table.argmax(0))


def checked(codes: Tensor, factors: Tensor, where: str) -> tuple[np.ndarray, np.ndarray]:
    """Codes [N, L] as float64, and factors [N, F] as indices from 0 on, both on the CPU.

    Raises:
        DataError: They are no tables with equally many rows, a code is not finite, or a factor is
            no whole number or always the same.
    """
    if isinstance(codes, nn.Module) or not isinstance(codes, Tensor | np.ndarray):
        raise DataError(
            f"{where} got {type(codes).__name__} for codes; needs a table [N, L], such as "
            "posterior_means(pair, x), and factors [N, F]"
        )
    codes, factors = as_tensor(f"{where}: codes", codes), as_tensor(f"{where}: factors", factors)
    shapes = f"codes {list(codes.shape)} and factors {list(factors.shape)}"
    if codes.dim() != 2 or factors.dim() != 2 or len(codes) != len(factors) or 0 in codes.shape:
        raise DataError(
            f"{where} got {shapes}; needs codes [N, L] and factors [N, F] with one row per datum, "
            "such as posterior_means(...) and split.y"
        )
    if factors.is_floating_point() or factors.is_complex() or codes.is_complex():
        raise DataError(
            f"{where} got codes {codes.dtype} and factors {factors.dtype}; needs real codes, and "
            "factors as the index of their value: number the values first"
        )
    values = codes.detach().cpu().double()
    if not bool(torch.isfinite(values).all()):
        raise DataError(f"{where}: codes are NaN or infinite; look at the encoder, or drop rows")
    columns = [np.unique(column, return_inverse=True)[1] for column in factors.cpu().numpy().T]
    for index, column in enumerate(columns):
        if column.max() == 0:
            raise DataError(
                f"{where}: factor {index} has one value in these {len(codes)} rows, so nothing "
                "can predict it; leave its column out, or give rows in which it varies"
            )
    return values.numpy(), np.stack(columns, 1)


def standardised(codes: np.ndarray) -> np.ndarray:
    """Codes [N, L] with mean zero and variance one; those that do not vary are zero."""
    centred = codes - codes.mean(0)
    spread = centred.std(0)
    return np.where(varies(codes), centred / np.where(spread > 0, spread, 1.0), 0.0)


def varies(codes: np.ndarray) -> np.ndarray:
    """Which codes vary by more than rounding [L]."""
    rounding = 1e-12 * np.abs(codes).max(0, initial=0.0)
    return codes.std(0) > rounding


def train_and_test(n: int, test_share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows to fit a classifier on, and rows to judge it by.

    Raises:
        DataError: One of them would be empty.
    """
    num_test = round(n * test_share)
    if not 0 < num_test < n:
        raise DataError(
            f"test_share={test_share} of {n} rows leaves {n - num_test} to fit on and {num_test} "
            "to judge by; give more rows, or a share between 0 and 1"
        )
    order = np.random.default_rng(seed).permutation(n)
    return order[num_test:], order[:num_test]


class Rows:
    """Draws rows of a table of factors [N, F] that agree in one factor.

    Args:
        factors: Indices from 0 on [N, F].
        num_votes: How many factors are drawn to learn from.
        num_test_votes: How many to judge by.
        batch_size: Rows, or pairs of rows, for each.
        seed: Of all draws.

    Attributes:
        parts: The factors drawn, to learn from and to judge by.

    Raises:
        ConfigError: A number is too small.
    """

    def __init__(
        self,
        factors: np.ndarray,
        num_votes: int,
        num_test_votes: int,
        batch_size: int,
        seed: int,
    ) -> None:
        if num_votes < 1 or num_test_votes < 1 or batch_size < 2:
            raise ConfigError(
                f"got num_votes={num_votes}, num_test_votes={num_test_votes} and "
                f"batch_size={batch_size}; needs 1, 1 and 2 or more"
            )
        self._random = np.random.default_rng(seed)
        self._factors, self._batch_size = factors, batch_size
        self._sorted = np.argsort(factors, axis=0, kind="stable")
        self._counts = [np.bincount(column) for column in factors.T]
        self._starts = [np.cumsum(counts) - counts for counts in self._counts]
        drawn = self._random.integers(factors.shape[1], size=num_votes + num_test_votes)
        self.parts = drawn[:num_votes], drawn[num_votes:]

    def chunks(self, asked: np.ndarray) -> list[np.ndarray]:
        """Votes in parts that fit the cache."""
        return np.array_split(asked, max(1, len(asked) * self._batch_size // 2**15))

    def alike(self, asked: np.ndarray) -> np.ndarray:
        """For each vote on a factor, rows that share one value of it [V, batch_size]."""
        values = np.empty_like(asked)
        for factor, counts in enumerate(self._counts):
            chosen = asked == factor
            values[chosen] = self._random.integers(len(counts), size=int(chosen.sum()))
        return self._drawn(asked, np.repeat(values[:, None], self._batch_size, 1))

    def pairs(self, asked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """For each vote on a factor, pairs of rows that agree in it, both [V, batch_size]."""
        size = (len(asked), self._batch_size)
        first = self._random.integers(len(self._factors), size=size)
        return first, self._drawn(asked, self._factors[first, asked[:, None]])

    def _drawn(self, asked: np.ndarray, values: np.ndarray) -> np.ndarray:
        """A random row for each value [V, batch_size] of each vote's factor."""
        place = self._random.random(values.shape)
        rows = np.empty_like(values)
        for factor, (starts, counts) in enumerate(zip(self._starts, self._counts, strict=True)):
            chosen = asked == factor
            wanted = values[chosen]
            within = starts[wanted] + (place[chosen] * counts[wanted]).astype(int)
            rows[chosen] = self._sorted[within, factor]
        return rows
