"""Dates, and the several ways to write them."""

import re
from collections.abc import Mapping
from datetime import date, timedelta

import torch

from ...errors import DataError
from .pair_task import PairTask, check_count

_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
FORMATS = {
    "{day} {month} {year}": 0.3,
    "{month} {day}, {year}": 0.25,
    "{day} {short} {year}": 0.2,
    "{day:02}.{number:02}.{year}": 0.15,
    "{number:02}/{day:02}/{year2:02}": 0.1,
}
"""Ways to write a date, and how often each is taken."""


class DateFormats(PairTask):
    """A date such as "2026-11-30" is written in one of several ways, at random.

    "30 November 2026", "November 30, 2026", "30 Nov 2026", "30.11.2026" and "11/30/26" are right,
    with the probabilities of `FORMATS`. Nothing in the source says which it will be. In May the
    first and the third are the same.

    Args:
        first_year: Of the dates.
        last_year: Likewise.
        formats: Ways to write a date, and their probabilities, which sum to one; `FORMATS` by
            default, which shows the fields that are known.

    Raises:
        DataError: There are no dates, a field is not known, or the probabilities do not sum to
            one.

    Example:
        >>> task = DateFormats()
        >>> for answer, probability in task.answers("2026-05-09").items():
        ...     print(answer, probability)
        9 May 2026 0.5
        May 9, 2026 0.25
        09.05.2026 0.15
        05/09/26 0.1
    """

    def __init__(
        self,
        first_year: int = 1900,
        last_year: int = 2099,
        formats: Mapping[str, float] | None = None,
    ) -> None:
        if not 1 <= first_year <= last_year <= 9999:
            raise DataError(
                f"DateFormats: years from {first_year} to {last_year}; they need an order, in "
                "1 to 9999"
            )
        self.formats = dict(FORMATS if formats is None else formats)
        total, low = sum(self.formats.values()), min(self.formats.values(), default=0.0)
        if abs(total - 1) > 1e-9 or low <= 0:
            raise DataError(
                f"DateFormats: probabilities {list(self.formats.values())} of the formats sum to "
                f"{total:g}; each has to be above 0, and the sum 1"
            )
        self.first, self.last = date(first_year, 1, 1), date(last_year, 12, 31)
        self.answers(self.first.isoformat())

    def sources(self, n: int, *, seed: int = 0) -> list[str]:
        known = (self.last - self.first).days + 1
        check_count(n, known, "DateFormats")
        order = torch.randperm(known, generator=torch.Generator().manual_seed(seed))
        return [(self.first + timedelta(days)).isoformat() for days in order[:n].tolist()]

    def answers(self, source: str) -> Mapping[str, float]:
        day = self._day(source)
        month = _MONTHS[day.month - 1]
        found: dict[str, float] = {}
        for form, probability in self.formats.items():
            try:
                answer = form.format(day=day.day, number=day.month, month=month, short=month[:3],
                                     year=day.year, year2=day.year % 100)  # fmt: skip
            except (KeyError, IndexError, ValueError) as error:
                raise DataError(
                    f"DateFormats: {form!r} is no format ({error}); known fields are day, number, "
                    "month, short, year and year2"
                ) from None
            found[answer] = found.get(answer, 0.0) + probability
        return found

    def _day(self, source: str) -> date:
        day: date | None
        try:
            if not re.fullmatch(r"\d{4}-\d\d-\d\d", source):
                raise ValueError
            day = date.fromisoformat(source)
        except ValueError:
            day = None
        if day is None or not self.first <= day <= self.last:
            raise DataError(
                f"DateFormats: {source!r} is no date from {self.first} to {self.last}; write it "
                "as 2026-11-30"
            )
        return day
