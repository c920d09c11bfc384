"""The history of a run: a list of entries, one an epoch, that is read by columns too."""

from collections.abc import Iterable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, SupportsIndex, overload

from ..errors import ConfigError
from ..runtime.markup import aligned
from ..runtime.result import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SHOWN = 6  # epochs in a table
_ALWAYS = ("epoch", "train", "val", "lr", "seconds")


class History(list[dict[str, Any]], Result):
    """One entry per epoch, a mapping by name.

    It is a list, and equal to one of the same entries. A name gives a column. It prints the first
    and last epochs; a frame, CSV and JSON have all.

    Raises:
        KeyError: From `history[name]`: no entry has the name; the message lists those there are.

    Example:
        >>> history = History([{"epoch": 1, "train": -9.5}, {"epoch": 2, "train": -8.25}])
        >>> history["train"], history[-1]["epoch"]
        ([-9.5, -8.25], 2)
        >>> history
        epoch   train
            1  -9.500
            2  -8.250
    """

    def __init__(self, entries: Iterable[dict[str, Any]] = ()) -> None:
        super().__init__(entries)

    @property
    def columns(self) -> list[str]:
        """The names that entries have."""
        return list(dict.fromkeys(name for entry in self for name in entry))

    @overload
    def __getitem__(self, key: str) -> list[Any]: ...

    @overload
    def __getitem__(self, key: SupportsIndex) -> dict[str, Any]: ...

    @overload
    def __getitem__(self, key: slice) -> "History": ...

    def __getitem__(self, key: SupportsIndex | slice | str) -> Any:
        """A column by its name, None where an entry lacks it; an entry, or several, by place."""
        if isinstance(key, str):
            if self and key not in self.columns:
                raise KeyError(f"'{key}' is no column of the history; it has {self.columns}")
            return [entry.get(key) for entry in self]
        if isinstance(key, slice):
            return History(super().__getitem__(key))
        return super().__getitem__(key)

    def to_frame(self) -> Any:  # noqa: ANN401 (pandas is optional)
        """A `pandas.DataFrame`: a row for each epoch, a column for each name.

        Raises:
            ConfigError: pandas is not installed.
        """
        if find_spec("pandas") is None:
            raise ConfigError(
                "to_frame: pandas is not installed; install it with `pip install pandas`, or take "
                "columns: history['train']"
            )
        import pandas

        frame = pandas.DataFrame(list(self), columns=self.columns)
        frame.attrs |= {"interrupted": self.interrupted} if self.interrupted else {}
        return frame

    def cells(self) -> list[list[str]]:
        """The first and last epochs, and the usual columns."""
        names = [name for name in _ALWAYS if any(e.get(name) is not None for e in self)]
        half = _SHOWN // 2
        shown = list(self) if len(self) <= _SHOWN else [*self[:half], *self[-half:]]
        table = [names or ["epoch"], *([_text(entry.get(n)) for n in names] for entry in shown)]
        if len(self) > _SHOWN:
            table.insert(1 + half, ["..."] * len(names))
        return table

    def records(self) -> list[dict[str, Any]]:
        return [dict(entry) for entry in self]

    def numbers(self) -> dict[str, Any]:
        return {"epochs": self.records()}

    def plot(self) -> "Figure":
        """The bounds by epoch; see `plots.training_curves`."""
        from .curves import training_curves  # matplotlib is slow to import

        return training_curves(self)

    def __str__(self) -> str:
        return "\n".join([repr(self), *([self.interrupted] if self.interrupted else [])])

    def __repr__(self) -> str:
        if not self:
            return "History([])"
        head, *rows = self.cells()
        if not any(name in _ALWAYS for name in head) or not rows[0]:
            return list.__repr__(self)
        width = len(head[0])
        return aligned([head, *([row[0].rjust(width), *row[1:]] for row in rows)])


def _text(value: Any) -> str:  # noqa: ANN401
    if value is None:
        return "-"
    if not isinstance(value, float):
        return str(value)
    return f"{value:.3f}" if abs(value) >= 0.1 or value == 0 else f"{value:.2e}"
