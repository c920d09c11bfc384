"""The result of a diagnosis."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...runtime.result import Result
from ..latents.elbo_parts import ELBOParts
from .verdict import Severity, Verdict

_WORST_FIRST: tuple[Severity, ...] = ("fault", "warning", "fine")


@dataclass(frozen=True, eq=False)
class Diagnosis(Result):
    """What was found of a pair, in numbers and in words.

    Attributes:
        verdicts: The worst first.
        parts: The ELBO by site and dimension.
    """

    verdicts: tuple[Verdict, ...]
    parts: ELBOParts

    @property
    def severity(self) -> Severity:
        """That of the worst verdict."""
        return min((v.severity for v in self.verdicts), key=_WORST_FIRST.index, default="fine")

    @property
    def codes(self) -> tuple[str, ...]:
        """Of the verdicts."""
        return tuple(verdict.code for verdict in self.verdicts)

    def cells(self) -> Sequence[Sequence[str]]:
        rows = [["site", "KL"]]
        rows += [[n, f"{float(kl.mean()):.3f}"] for n, kl in self.parts.kl_by_site.items()]
        return rows

    def numbers(self) -> dict[str, Any]:
        return {"verdicts": [verdict.numbers() for verdict in self.verdicts]}

    def notes(self) -> Sequence[str]:
        return [f"{verdict.severity}: {verdict.sentence}" for verdict in self.verdicts]
