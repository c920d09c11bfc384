"""What a diagnosis says in words: a verdict, and what helps against it."""

from dataclasses import dataclass
from typing import Any, Literal

Severity = Literal["fault", "warning", "fine"]
"""How bad it is: the result cannot be used as it is; it could be better; nothing is wrong."""


@dataclass(frozen=True)
class Remedy:
    """What helps, and how this library does it.

    Attributes:
        sentence: What to do, and why it helps.
        python: Lines of Python that do it, for a pair `model, guide` and data `x`; may be empty.
        command: Options of `pyrovae fit` that do it; may be empty.
    """

    sentence: str
    python: str = ""
    command: str = ""


@dataclass(frozen=True)
class Verdict:
    """One finding in words.

    Attributes:
        code: A short name that stays the same between versions, such as "collapsed".
        severity: "fault", "warning" or "fine".
        site: The latent or observed site that it is about; None where it is about the pair.
        sentence: What was found, with the numbers that it rests on.
        remedies: What helps, the most promising first.
    """

    code: str
    severity: Severity
    site: str | None
    sentence: str
    remedies: tuple[Remedy, ...] = ()

    def numbers(self) -> dict[str, Any]:
        """The same as texts, for a JSON file."""
        return {
            "code": self.code,
            "severity": self.severity,
            "site": self.site,
            "sentence": self.sentence,
            "remedies": [vars(remedy) for remedy in self.remedies],
        }
