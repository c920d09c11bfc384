"""What a report is: a table, the numbers of it, and a page."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import Any

from ..runtime.files import save
from ..runtime.result import Result
from .subject import Row, Subject


@dataclass(frozen=True)
class Report(Result):
    """Measurements of a pair on held-out data.

    Attributes:
        rows: What is measured, its value, its standard error or "", and a remark.
        facts: The same numbers by name, for a machine.
        subject: What a page shows besides.
    """

    rows: tuple[Row, ...]
    facts: dict[str, Any]
    subject: Subject = field(default_factory=Subject, repr=False, compare=False)
    _complete: Callable[[Subject], Subject] | None = field(default=None, repr=False, compare=False)

    def cells(self) -> Sequence[Sequence[str]]:
        return [("", "value", "error", "remark"), *self.rows]

    def numbers(self) -> dict[str, Any]:
        return self.facts

    def completed(self) -> "Report":
        """The same with pictures and a diagnosis of the pair as it is now."""
        if self._complete is None:
            return self
        return replace(self, subject=self._complete(self.subject), _complete=None)

    def about(self, **known: Any) -> "Report":  # noqa: ANN401
        """The same with more that is known of the run: see `Subject`."""
        return replace(self, subject=replace(self.subject, **known))

    def to_html(self, path: str | PathLike[str] | None = None) -> str:
        """A page of it: one file that fetches nothing; also written where a path is given.

        Pictures and diagnosis are made with the page, of the pair as it is then.

        Raises:
            SaveError: The file cannot be written; one that was there is as it was.
        """
        return to_html([self], path)

    def __str__(self) -> str:
        widths = [max(len(row[i]) for row in self.rows) for i in range(3)]
        return "\n".join(
            f"{what:<{widths[0]}}  {value:>{widths[1]}} {error:<{widths[2]}}  {remark}".rstrip()
            for what, value, error, remark in self.rows
        )

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_complete": None}  # the pair is not part of a copy


def to_html(reports: Sequence[Report], path: str | PathLike[str] | None = None) -> str:
    """One page of several reports, side by side.

    Raises:
        SaveError: See `Report.to_html`.
    """
    from .render import render  # jinja2 and matplotlib are slow to import

    subjects = [
        replace(each.subject, rows=each.rows, facts=each.facts)
        for each in (report.completed() for report in reports)
    ]
    page = render(subjects)
    if path is not None:
        save(Path(path), page)
    return page
