"""What a measurement gives: a table for people, numbers for machines, a picture."""

import csv
import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from copy import copy
from importlib.util import find_spec
from io import StringIO
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from torch import Tensor

from ..errors import ConfigError
from .files import save
from .markup import Section, as_html, as_latex, as_text
from .values import named_values, without_nan

if TYPE_CHECKING:
    from matplotlib.figure import Figure

R = TypeVar("R", bound="Result")


class Result(ABC):
    """Base of what measurements and uses give.

    Printed, or named at a prompt, it is a table; a notebook shows the same as HTML. A subclass is
    a frozen dataclass that implements `cells` and `numbers`, and where it has more to show
    `title`, `notes`, `records`, `arrays` and `plot`.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass(frozen=True)
        ... class Size(Result):
        ...     num_data: int
        ...     def cells(self):
        ...         return [["what", "number"], ["data", f"{self.num_data:,}"]]
        ...     def numbers(self):
        ...         return {"num_data": self.num_data}
        >>> Size(2000)
        what  number
        data   2,000
        >>> Size(2000).records()
        [{'what': 'data', 'number': 2000}]
    """

    interrupted: ClassVar[str] = ""
    """Of the result of a measurement that was interrupted: how much of the work it holds."""

    def __init_subclass__(cls, **keywords: Any) -> None:  # noqa: ANN401
        super().__init_subclass__(**keywords)
        cls.__repr__ = cls.__repr__  # type: ignore[method-assign] # so that @dataclass keeps it

    @abstractmethod
    def cells(self) -> Sequence[Sequence[str]]:
        """The cells of the table as text, with a head row first; all rows of one length."""

    @abstractmethod
    def numbers(self) -> dict[str, Any]:
        """What was measured, by name, as numbers, texts, lists and dicts: for a JSON file."""

    def title(self) -> str:
        """What stands above the table: a line or several, or nothing."""
        return ""

    def notes(self) -> Sequence[str]:
        """Sentences that belong below the table."""
        return ()

    def sections(self) -> Sequence[Section]:
        """The tables in order, each with its title and notes; most results have one."""
        return [Section(self.cells(), self.title(), self.notes())]

    def records(self) -> list[dict[str, Any]]:
        """The rows of the table as values by column: numbers where there are numbers.

        A cell "1.5 +- 0.2" becomes two values, by the names of the column and of its error. Where
        a result keeps more digits than it prints, it gives them.
        """
        head, *rows = self.cells()
        return [named_values(head, row) for row in rows]

    def arrays(self) -> dict[str, Tensor]:
        """What was made, by name, on the CPU."""
        return {}

    def plot(self) -> "Figure | None":
        """The picture of it; None where there is none, as of data that are no images.

        Nothing is shown or written.
        """
        return None

    def marked(self: R, interrupted: str) -> R:
        """A copy that says of how much of the work it is, "interrupted: 300 of 1,000 data"."""
        found = copy(self)
        object.__setattr__(found, "interrupted", interrupted)  # a subclass is frozen
        return found

    def __str__(self) -> str:
        return as_text(self._all_sections())

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return as_html(self._all_sections())

    def to_frame(self) -> Any:  # noqa: ANN401 (pandas is optional)
        """The `records` as a `pandas.DataFrame`.

        Raises:
            ConfigError: pandas is not installed.
        """
        if find_spec("pandas") is None:
            raise ConfigError(
                "to_frame: pandas is not installed; install it with `pip install pandas`, or take "
                "the same rows from records()"
            )
        import pandas

        frame = pandas.DataFrame(self.records())
        if self.interrupted:
            frame.attrs["interrupted"] = self.interrupted
        return frame

    def to_csv(self, path: str | PathLike[str] | None = None) -> str:
        """The `records` as CSV, also written where a path is given; what is missing stays empty.

        Raises:
            SaveError: The file cannot be written; one that was there is as it was.
        """
        records = self.records()
        names = list(dict.fromkeys(name for row in records for name in row))
        content = StringIO(newline="")
        writer = csv.DictWriter(content, names, restval="")
        writer.writeheader()
        writer.writerows(records)
        return _written(content.getvalue(), path)

    def to_json(self, path: str | PathLike[str] | None = None) -> str:
        """The `numbers` as JSON, also written where a path is given.

        Numbers that do not exist are null.

        Raises:
            SaveError: See `to_csv`.
        """
        found = self.numbers()
        if self.interrupted:
            found = {**found, "interrupted": self.interrupted}
        return _written(json.dumps(without_nan(found), indent=2) + "\n", path)

    def to_latex(
        self,
        path: str | PathLike[str] | None = None,
        *,
        caption: str | None = None,
        label: str | None = None,
    ) -> str:
        r"""The table for a paper, of the package booktabs; also written where a path is given.

        Args:
            path: File to write.
            caption: Puts the table into a floating `table` with this caption, in LaTeX.
            label: Of that table, for `\ref`.

        Raises:
            SaveError: See `to_csv`.
        """
        return _written(as_latex(self._all_sections(), caption, label), path)

    def _all_sections(self) -> Sequence[Section]:
        sections = list(self.sections())
        if self.interrupted:
            last = sections[-1]
            sections[-1] = last._replace(notes=[*last.notes, self.interrupted])
        return sections


def _written(text: str, path: str | PathLike[str] | None) -> str:
    if path is not None:
        save(Path(path), text)
    return text
