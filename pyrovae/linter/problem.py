"""What is wrong with a pair, or worth knowing: one finding."""

from dataclasses import dataclass, replace
from typing import Literal

from .source import SourceLine

Severity = Literal["fault", "warning", "information"]
"""A fault makes results wrong or training fail; a warning probably does; information does not."""

ORDER: tuple[Severity, ...] = ("fault", "warning", "information")


@dataclass(frozen=True)
class Problem:
    """One finding about a pair.

    Attributes:
        code: Stable, such as "PV301"; `pyrovae check --codes` lists all.
        severity: "fault", "warning" or "information".
        site: Name of the sample site or the parameter; None where it is about the whole pair.
        sentence: What was found.
        remedy: What to do about it.
        changed_line: The line of the user's program as it should read; None where none can be
            given.
        line: The line of the user's program as it is; None where it is not known.
    """

    code: str
    severity: Severity
    site: str | None
    sentence: str
    remedy: str
    changed_line: str | None = None
    line: SourceLine | None = None

    def __str__(self) -> str:
        where = f"{self.line.place}: " if self.line else ""
        site = f" '{self.site}'" if self.site else ""
        lines = [f"{self.code} {self.severity}{site}: {where}{self.sentence}"]
        lines.append(f"    remedy: {self.remedy}")
        if self.line is not None and self.line.text:
            lines.append(f"    - {self.line.text}" if self.changed_line else
                         f"    > {self.line.text}")  # fmt: skip
        if self.changed_line:
            lines.append(f"    + {self.changed_line}")
        return "\n".join(lines)

    def at(self, line: SourceLine | None) -> "Problem":
        """The same with a line, unless it has one."""
        return self if self.line is not None else replace(self, line=line)
