"""Splits and data sets of checked tensors, and seeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from numbers import Integral
from typing import Any, Literal, TypeVar, get_args

import torch
from torch import Tensor

from ..errors import ConfigError, DataError, first_line
from ..runtime.plain_json import plain
from .conversion import check_dense

Binarize = Literal["dynamic", "static"]
Source = TypeVar("Source", bound=Callable[..., Any])


@dataclass(frozen=True, eq=False)
class Split:
    """Data `x` [N, ...] and, optionally, labels `y` [N].

    Args:
        x: One datum per row, finite.
        y: Labels, or other values for each row; as many rows as `x`.
        dynamic: `x` holds Bernoulli probabilities, and every pass draws new 0/1 values.
        with_labels: Batches are `(x, y)` instead of `(x,)`; see `labelled`.

    Raises:
        DataError: `x` and `y` differ in number of rows, a value is NaN or infinite, a probability
            is outside [0, 1], or `with_labels` is set without `y`.

    Example:
        >>> split = Split(torch.zeros(5, 2, 3), y=torch.arange(5))
        >>> split[1:4]
        Split(3 x [2, 3] float32, labels int64)
    """

    x: Tensor
    y: Tensor | Any = None  # None is rare, and to ask for it each time a burden to type checkers
    dynamic: bool = False
    with_labels: bool = False

    def __post_init__(self) -> None:
        for name, tensor in (("x", self.x), ("y", self.y)):
            if tensor is not None:
                _check(name, tensor)
        if self.y is not None and len(self.y) != len(self.x):
            raise DataError(
                f"Split: y has {len(self.y)} rows, x has {len(self.x)}; give one label per row"
            )
        if self.with_labels and self.y is None:
            raise DataError("Split: labels are asked for, but y is None; give y, or use x alone")
        if self.dynamic:
            _check_probabilities(self.x)

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, rows: slice | Tensor) -> Split:
        if not isinstance(rows, slice | Tensor):
            raise DataError(
                f"Split: rows are taken by a slice or an index tensor, not by {rows!r}; "
                "write split[i : i + 1] for one row, split.x[i] for its tensor"
            )
        return replace(self, x=self.x[rows], y=None if self.y is None else self.y[rows])

    def __repr__(self) -> str:
        dtypes = [str(t.dtype).removeprefix("torch.") for t in (self.x, self.y) if t is not None]
        labels = f", labels {dtypes[1]}" if self.y is not None else ""
        return (
            f"Split({len(self)} x {list(self.shape)} {dtypes[0]}{labels}"
            f"{', dynamic' if self.dynamic else ''})"
        )

    @property
    def shape(self) -> torch.Size:
        """Shape of one datum, without the leading N."""
        return self.x.shape[1:]

    def labelled(self) -> Split:
        """The same split with batches `(x, y)`; DataError if `y` is None."""
        return replace(self, with_labels=True)

    def subset(self, n: int) -> Split:
        """The first `n` rows, or all if there are fewer."""
        if n < 0:
            raise DataError(f"Split.subset: got n={n}, needs a count of rows, 0 or more")
        return self[:n]

    def binarized(self, seed: int) -> Split:
        """One fixed Bernoulli draw from `x` in [0, 1], the same on every device."""
        _check_probabilities(self.x)
        generator = torch.Generator().manual_seed(seed)
        drawn = torch.bernoulli(self.x.cpu(), generator=generator).to(self.x.device)
        return replace(self, x=drawn, dynamic=False)

    def to(self, device: torch.device | str) -> Split:
        """The same split on `device`."""
        return replace(self, x=self.x.to(device), y=None if self.y is None else self.y.to(device))


@dataclass(frozen=True, eq=False)
class Dataset:
    """Three splits of one source with one data shape; a split may be empty.

    Args:
        name: Name in tables.
        train: Data for training.
        val: Data for choosing models.
        test: Data for reporting.
        info: Further facts. The sources here write `binarize` ("none", "static" or "dynamic"),
            `levels` (grey levels of the source) and `unit` (whether `x` lies in [0, 1]).
        supplies: What a family needs to know of the data besides their shape, by the name of the
            argument of its constructor: `vocabulary`, say. Plain values that JSON can hold. A run
            of `pyrovae fit` keeps them, and gives them to the family when it is opened again.

    Raises:
        DataError: The splits hold data of unequal shapes, or JSON has no place for what they
            supply.
    """

    name: str
    train: Split
    val: Split
    test: Split
    info: Mapping[str, Any] = field(default_factory=dict)
    supplies: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shapes = [list(split.shape) for split in (self.train, self.val, self.test)]
        if shapes[1:] != shapes[:-1]:
            raise DataError(
                f"{self.name}: train, val and test hold data of shapes {shapes}; "
                "give all three one shape"
            )
        try:
            object.__setattr__(self, "supplies", plain(dict(self.supplies)))
        except ValueError as error:
            raise DataError(f"{self.name}: in supplies, {error}; give plain values") from error

    @property
    def shape(self) -> torch.Size:
        """Shape of one datum."""
        return self.train.shape

    def labelled(self) -> Dataset:
        """The same data with batches `(x, y)`; DataError if rows have no y."""
        splits = (self.train, self.val, self.test)
        train, val, test = (split.labelled() if len(split) else split for split in splits)
        return replace(self, train=train, val=val, test=test)

    def binarized(self, how: Binarize, seed: int = 0) -> Dataset:
        """Draw 0/1 values from `x` in [0, 1].

        Args:
            how: "static" draws every split once. "dynamic" draws `val` and `test` once, so that
                figures stay comparable, and `train` anew on every pass.
            seed: Seed of the fixed draws; stored as `info["binarize_seed"]`.

        Raises:
            ConfigError: `how` is unknown.
            DataError: `x` is not in [0, 1].
        """
        if how not in get_args(Binarize):
            raise ConfigError(
                f'{self.name}: binarize={how!r} is not known; use "dynamic", "static" or None'
            )
        train = (
            replace(self.train, dynamic=True)
            if how == "dynamic"
            else self.train.binarized(mix_seed(seed, 0))
        )
        val, test = self.val.binarized(mix_seed(seed, 1)), self.test.binarized(mix_seed(seed, 2))
        info = {**self.info, "binarize": how, "binarize_seed": seed, "unit": True}
        return replace(self, train=train, val=val, test=test, info=info)


def supplying(*names: str) -> Callable[[Source], Source]:
    """Mark a function that gives a `Dataset` which supplies these: see `Dataset.supplies`.

    The mark is for messages, which name the data that a family can be trained on.

    Example:
        >>> @supplying("vocabulary")
        ... def words() -> Dataset: ...
        >>> words.supplies
        ('vocabulary',)
    """

    def mark(function: Source) -> Source:
        function.supplies = names  # type: ignore[attr-defined]
        return function

    return mark


def partition(name: str, n: int, sizes: tuple[int, int], seed: int) -> tuple[Tensor, ...]:
    """Rows of train, val and test: a random partition of `range(n)`, each in random order.

    Args:
        name: Name of the data, for messages.
        n: Number of rows.
        sizes: Number of rows of val and of test; the others are train.
        seed: Seed of the order.

    Raises:
        DataError: A size is negative or no whole number, or nothing is left for train.
    """
    num_val, num_test = sizes
    if not all(isinstance(size, Integral) for size in sizes):
        raise DataError(
            f"{name}: {num_val!r} rows for val and {num_test!r} for test; give whole numbers"
        )
    if min(sizes) < 0 or num_val + num_test >= n:
        raise DataError(
            f"{name}: {num_val} rows for val and {num_test} for test out of {n}; "
            "sizes are 0 or more and must leave rows for train, ask for fewer"
        )
    order = torch.randperm(n, generator=torch.Generator().manual_seed(mix_seed(seed)))
    return order.split([n - num_val - num_test, num_val, num_test])


def mix_seed(*numbers: int) -> int:
    """A seed in [0, 2^63) from numbers such as (seed, epoch, batch), different for neighbours.

    Source:
        Fast Splittable Pseudorandom Number Generators (Steele, Lea and Flood, 2014), the
        finaliser of SplitMix64.
    """
    mask = (1 << 64) - 1
    state = 0
    for number in numbers:
        state = ((state ^ (number & mask)) + 0x9E3779B97F4A7C15) & mask
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & mask
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & mask
        state ^= state >> 31
    return state >> 1


def pick_device(device: torch.device | str | None) -> torch.device:
    """`device`; for None CUDA if present, else the CPU."""
    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.device(device)
        if found.type == "meta" or (found.type == "cpu" and found.index not in (None, 0)):
            raise RuntimeError("there is none that computes")
        return torch.empty(0, device=found).device
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = first_line(error)
        raise ConfigError(
            f"device {device!s} is not available here ({reason[:120].split('. ')[0]}); use cpu, "
            "or leave it out to use CUDA if present"
        ) from error


def _check(name: str, tensor: Tensor) -> None:
    if not isinstance(tensor, Tensor) or tensor.ndim == 0:
        got = "a scalar tensor" if isinstance(tensor, Tensor) else type(tensor).__name__
        raise DataError(
            f"Split: {name} is {got}, needs a tensor with one row per datum; "
            "pyrovae.data.arrays takes numpy arrays, lists and files"
        )
    check_dense(f"Split: {name}", tensor)
    # The sum is finite where all are, and takes no memory; `isfinite` takes more than the tensor.
    if tensor.is_floating_point() and not torch.isfinite(tensor.sum()):
        if torch.isfinite(tensor).all():
            return  # large numbers, whose sum is too large
        bad = (
            (~torch.isfinite(tensor)).flatten(1).any(1) if tensor.ndim > 1 else ~tensor.isfinite()
        )
        first, count = int(bad.nonzero()[0]), int(bad.sum())
        raise DataError(
            f"Split: {count} of {len(tensor)} rows of {name} hold NaN or infinity, the first is "
            f"row {first}; drop or fill these rows before building the split (arrays with "
            "missing=True reads NaN as a missing value)"
        )


def _check_probabilities(x: Tensor) -> None:
    low, high = (float(x.min()), float(x.max())) if x.numel() else (0.0, 1.0)
    if not x.is_floating_point() or low < 0 or high > 1:
        raise DataError(
            f"Split: binarisation draws from probabilities in [0, 1], x is {x.dtype} in "
            f"[{low:g}, {high:g}]; scale it first (grey levels: divide by the highest level)"
        )


def check_flags(pair: object, data: object) -> None:
    """Refuse a data set that supplies a truth value of which the pair was built with the other.

    Series of unequal lengths supply `lengths=True`. A family that was built without lengths would
    take the padding behind the end of a series for data.

    Args:
        pair: A pair, or a program of it; one without an attribute of that name takes any data.
        data: Data of any kind; those that are no `Dataset` supply nothing.

    Raises:
        ConfigError: The two differ.
    """
    pair = getattr(pair, "__self__", pair)
    for name, value in (data.supplies if isinstance(data, Dataset) else {}).items():
        held = getattr(pair, name, value)
        if isinstance(value, bool) and isinstance(held, bool) and held is not value:
            raise ConfigError(
                f"the data supply {name}={value}, and {type(pair).__name__} was built with "
                f"{name}={held}, so that it would take them for what they are not; build it with "
                f"{name}={value} (--model.{name} {str(value).lower()}), and give data.labelled()"
            )
