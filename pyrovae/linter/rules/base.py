"""What every rule has: a code, a severity, a title, a remedy, and a way to find it."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar

from ..inspection import Inspection
from ..problem import Problem, Severity
from ..source import SourceLine


class Rule(ABC):
    """One thing that may be wrong with a pair.

    A subclass has the attributes, implements `find`, and stands in `rules.RULES`.
    """

    code: ClassVar[str]
    """Stable: "PV" and three digits, of which the first is the family; see `codes`."""

    severity: ClassVar[Severity] = "warning"

    title: ClassVar[str]
    """What it finds, for a table."""

    remedy: ClassVar[str]
    """What to do, where a finding says nothing more exact."""

    needs_run: ClassVar[bool] = True
    """Whether it looks only at pairs that run to their end."""

    needs_shapes: ClassVar[bool] = False
    """Whether it says nothing new of a pair whose shapes do not fit."""

    @abstractmethod
    def find(self, seen: Inspection) -> Iterator[Problem]:
        """The findings of this rule."""

    def found(self, seen: Inspection) -> list[Problem]:
        """The findings, which are looked for once."""
        if self.code not in seen.found:
            seen.found[self.code] = list(self.find(seen))
        return seen.found[self.code]

    def problem(
        self,
        sentence: str,
        site: str | None = None,
        line: SourceLine | None = None,
        *,
        remedy: str | None = None,
        changed_line: str | None = None,
        severity: Severity | None = None,
    ) -> Problem:
        """A finding of this rule."""
        return Problem(
            code=self.code,
            severity=severity or self.severity,
            site=site,
            sentence=sentence,
            remedy=remedy or self.remedy,
            changed_line=changed_line,
            line=line,
        )


def listed(names: Any, most: int = 4) -> str:  # noqa: ANN401
    """Names in quotes, the first few of them."""
    names = list(names)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(f"'{name}'" for name in names[:most]) + more
