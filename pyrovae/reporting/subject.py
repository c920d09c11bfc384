"""What a page says of one run: everything that is known of it, however it was found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..evaluate import ActiveUnits, ELBOParts, Evidence
from .section import Part

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Row = tuple[str, str, str, str]
"""What is measured, its value, its standard error or "", and a remark."""


@dataclass(frozen=True)
class Use:
    """What a command left in a run folder, such as `complete.json` and `complete.png`.

    Attributes:
        name: Of the command, or of its files.
        picture: A PNG file; empty where there is none.
        numbers: Of the JSON file, whole.
        remark: What was left out, in words.
    """

    name: str
    picture: bytes = b""
    numbers: Any = None
    remark: str = ""


@dataclass(frozen=True, eq=False)
class Subject:
    """One run, as a page shows it. What is not known is empty, and its section is left out.

    Attributes:
        name: Of the run, such as its folder.
        rows: The table of what was measured.
        facts: The same numbers by name.
        history: One entry an epoch, of finite numbers.
        settings: The configuration by place, such as "model.latent_dim".
        about: What was run, by label: data, device, versions, time.
        command: How to run it again.
        parts: The ELBO by site and dimension.
        evidence: Estimates of log p(x) of each datum.
        units: Which latent units are active.
        diagnosis: What `diagnose` found.
        pictures: Figures by name, or PNG files.
        readings: Parts that show data in words or sounds: see `forms`.
        tables: Of comparisons, rows by the name of their file.
        uses: What the other commands left in the folder.
        remarks: Sentences on what could not be shown, and why.
    """

    name: str = "trained pair"
    rows: Sequence[Row] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    history: Sequence[Mapping[str, Any]] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    about: Mapping[str, str] = field(default_factory=dict)
    command: str = ""
    parts: ELBOParts | None = None
    evidence: Evidence | None = None
    units: ActiveUnits | None = None
    diagnosis: Any = None
    pictures: "Mapping[str, Figure | bytes]" = field(default_factory=dict)
    readings: Sequence[Part] = ()
    tables: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    uses: Sequence[Use] = ()
    remarks: Sequence[str] = ()
