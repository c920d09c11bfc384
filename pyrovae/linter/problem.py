"""What is wrong with a pair, or worth knowing: one finding."""

from dataclasses import dataclass
from textwrap import fill
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
        places = f"'{self.site}'" if self.site else "", self.line.place if self.line else ""
        where = ", ".join(filter(None, places))
        lines = [
            f"{self.code} {self.severity}{f' at {where}' if where else ''}",
            _indented(self.sentence),
            _indented(f"remedy: {self.remedy}"),
        ]
        if self.line is not None and self.line.text:
            lines.append(f"    {'-' if self.changed_line else '>'} {self.line.text}")
        if self.changed_line:
            lines.append(f"    + {self.changed_line}")
        return "\n".join(lines)


def _indented(text: str) -> str:
    return fill(
        text, 95, initial_indent="    ", subsequent_indent="    ", break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip
