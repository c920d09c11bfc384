"""The result of a diagnosis."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import indent
from typing import TYPE_CHECKING, Any

from ...runtime.result import Result
from ..latents.elbo_parts import ELBOParts
from .information import Information
from .site_findings import SiteFindings
from .verdict import Remedy, Severity, Verdict

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WORST_FIRST: tuple[Severity, ...] = ("fault", "warning", "fine")
_NAMED = 4  # remedies that are printed of a verdict
_HEAD = ("latent", "KL", "+-", "used units", "redrawn", "exchanged", "moved")


@dataclass(frozen=True, eq=False)
class Diagnosis(Result):
    """What was found of a pair, in words (`verdicts`) and in numbers.

    Printed, the table has a row for each latent: its KL (what it costs, nats per datum) with the
    standard error over the data; how many of its units are used; how many nats the bound loses,
    but for that KL, when it is drawn from its prior instead (what it brings), and when it is that
    of another datum; and by what share of the data's variance the mean of p(x|z) then moves.

    Attributes:
        verdicts: The worst first.
        sites: What was measured of each latent, in the order of the guide.
        parts: The ELBO by site and dimension.
        information: I(x; z) and KL(q(z) || p(z)), all latents together.
        explained: Share of the data's variance that the mean of p(x|z) gives at z of q(z|x), over
            all observed sites that have a mean; None where none has.
        history: Of the training, where it was given.
        num_data: N.
        refusal: Why no latent could be exchanged; empty where they were.
    """

    verdicts: tuple[Verdict, ...]
    sites: tuple[SiteFindings, ...]
    parts: ELBOParts
    information: Information
    explained: float | None
    history: Sequence[Mapping[str, Any]]
    num_data: int
    refusal: str = ""

    @property
    def severity(self) -> Severity:
        """That of the worst verdict."""
        return min((v.severity for v in self.verdicts), key=_WORST_FIRST.index, default="fine")

    @property
    def codes(self) -> tuple[str, ...]:
        """Of the verdicts."""
        return tuple(verdict.code for verdict in self.verdicts)

    @property
    def collapsed(self) -> tuple[str, ...]:
        """The latents that have collapsed."""
        return tuple(v.site for v in self.verdicts if v.code == "collapsed" and v.site)

    def __getitem__(self, site: str) -> SiteFindings:
        """What was measured of one latent.

        Raises:
            KeyError: There is no such latent.
        """
        found = {each.name: each for each in self.sites}
        if site not in found:
            raise KeyError(f"there is no latent '{site}'; there is {sorted(found)}")
        return found[site]

    def cells(self) -> Sequence[Sequence[str]]:
        return [_HEAD, *(_row(site) for site in self.sites)]

    def records(self) -> list[dict[str, Any]]:
        """A row for each latent; `moved` is a share."""
        return [
            {
                "latent": site.name,
                "kl": None if site.is_point else site.kl,
                "kl_error": None if site.is_point else site.kl_error,
                "used_units": site.num_used,
                "units": site.num_units,
                "redrawn": site.redrawn,
                "redrawn_error": site.redrawn_error,
                "exchanged": site.exchanged,
                "exchanged_error": site.exchanged_error,
                "moved": site.moved,
            }
            for site in self.sites
        ]

    def numbers(self) -> dict[str, Any]:
        return {
            "severity": self.severity,
            "verdicts": [verdict.numbers() for verdict in self.verdicts],
            "sites": [site.numbers() for site in self.sites],
            "information": self.information.numbers(),
            "explained": self.explained,
            "elbo": self.parts.means(),
            "num_data": self.num_data,
        }

    def notes(self) -> Sequence[str]:
        lines = [str(self.information)]
        if self.explained is not None:
            lines.append(
                f"the mean of p(x|z) explains {100 * self.explained:.0f} % of the data's variance"
            )
        if self.refusal:
            lines.append(f"what latents bring is not known: {self.refusal}")
        told: set[Remedy] = set()
        for verdict in self.verdicts:
            lines += ["", f"{verdict.severity}: {verdict.sentence}"]
            named = verdict.remedies[:_NAMED]
            lines += [_told(remedy) for remedy in named if remedy not in told]
            if told & set(named):
                lines.append("  - see also above")
            told |= set(named)
        return lines

    def plot(self) -> "Figure":
        """KL by unit, what latents bring, and with a history KL by epoch; nothing is shown."""
        from ...plots.diagnosis import diagnosis  # matplotlib is slow to import

        return diagnosis(self)


def _row(site: SiteFindings) -> list[str]:
    units = "-" if site.num_units is None else f"{site.num_used} of {site.num_units}"
    if site.perplexity is not None:
        units = f"{site.perplexity:.1f} of {site.classes} values"
    kl = ["-", "-"] if site.is_point else [f"{site.kl:.3f}", f"{site.kl_error:.3f}"]
    losses = ["-" if v is None else f"{v:.3f}" for v in (site.redrawn, site.exchanged)]
    moved = "-" if site.moved is None else f"{100 * site.moved:.1f} %"
    return [site.name, *kl, units, *losses, moved]


def _told(remedy: Remedy) -> str:
    text = f"  - {remedy.sentence}"
    if remedy.python:
        text += "\n" + indent(remedy.python, "      ")
    if remedy.command:
        text += f"\n      pyrovae fit ... {remedy.command}"
    return text
