"""What was found out about a pair."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from textwrap import fill
from typing import Any

from ..runtime.result import Result
from .objective_fit import ObjectiveFit
from .problem import ORDER, Problem
from .site_row import HEAD, SiteRow


@dataclass(frozen=True)
class Checked(Result):
    """What `check` found.

    Attributes:
        sites: Sample sites, in the order of the model, then those of the guide alone.
        problems: Findings: faults, then warnings, then information.
        objectives: Which objectives fit, and why others do not.
        capture: "yes"; "no: " and the reason, with the line; "not tried" and why.
        num_data: Rows of the batch.
        ignored: Number of findings that were to be ignored.
    """

    sites: tuple[SiteRow, ...]
    problems: tuple[Problem, ...]
    objectives: tuple[ObjectiveFit, ...]
    capture: str
    num_data: int
    ignored: int = 0

    @property
    def faults(self) -> tuple[Problem, ...]:
        """Findings that make results wrong, or training fail."""
        return self._of("fault")

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """Findings that probably do."""
        return self._of("warning")

    @property
    def is_sound(self) -> bool:
        """Whether there is neither a fault nor a warning."""
        return not (self.faults or self.warnings)

    @property
    def codes(self) -> tuple[str, ...]:
        """Codes of the findings, each once."""
        return tuple(dict.fromkeys(problem.code for problem in self.problems))

    @property
    def verdict(self) -> str:
        """The findings, counted, in words."""
        counts = Counter(problem.severity for problem in self.problems)
        words = {"fault": "faults", "warning": "warnings", "information": "remarks"}
        found = [
            f"{counts[s]} {words[s] if counts[s] > 1 else words[s][:-1]}"
            for s in ORDER
            if counts[s]
        ]
        ignored = f"; {self.ignored} ignored" if self.ignored else ""
        return (", ".join(found) or "nothing found") + ignored

    def cells(self) -> Sequence[Sequence[str]]:
        """A row for each site."""
        return [HEAD, *(row.cells() for row in self.sites)]

    def notes(self) -> Sequence[str]:
        """Findings, which objectives fit, whether the step can be captured."""
        found = [line for problem in self.problems for line in (str(problem), "")]
        return ["", *found, *self._objectives(), *self._capture(), self.verdict]

    def __str__(self) -> str:
        cells = self.cells()
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        rows = (
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in cells
        )
        return "\n".join([*rows, *self._all_sections()[-1].notes])

    def numbers(self) -> dict[str, Any]:
        """Sites, findings and objectives as plain values."""
        return {
            "sites": [asdict(row) for row in self.sites],
            "problems": [asdict(problem) for problem in self.problems],
            "objectives": [asdict(fit) for fit in self.objectives],
            "capture": self.capture,
            "num_data": self.num_data,
            "verdict": self.verdict,
        }

    def _of(self, severity: str) -> tuple[Problem, ...]:
        return tuple(p for p in self.problems if p.severity == severity)

    def _objectives(self) -> list[str]:
        names = {each: _short(each.name) for each in self.objectives}
        fits = [names[each] for each in self.objectives if each.fits]
        reasons: dict[str, list[str]] = {}
        for each in self.objectives:
            if not each.fits:
                reasons.setdefault(_in_short(each), []).append(names[each])
        if not self.objectives:
            return []
        if not reasons:
            return ["objectives: all fit"]
        lines = [f"objectives that fit: {', '.join(fits) or 'none'}"]
        lines += [f"that do not: {', '.join(names)}: {why}" for why, names in reasons.items()]
        return [fill(line, 99, subsequent_indent="    ") for line in lines]

    def _capture(self) -> list[str]:
        text = f"the training step as one graph (compile=True): {self.capture}"
        return [fill(text, 99, subsequent_indent="    ", break_on_hyphens=False)]


def _short(name: str) -> str:
    closed = name.startswith("ELBO") and "closed_form_kl=True" in name
    return "ELBO(closed_form_kl=True)" if closed else name.partition("(")[0]


def _in_short(fit: ObjectiveFit) -> str:
    """Why an objective does not fit, without its name and the ways out."""
    if "got site=None" in fit.reason:
        return "it takes one continuous latent; name it by site=, if there are several"
    text = fit.reason.replace(fit.name, "it").partition("; ")[0]
    return text.removesuffix(", which it needs")
