"""What a page is made of: sections, with parts that hold text, charts and grids."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Records = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, eq=False)
class Chart:
    """A picture, with words for those who cannot see it and numbers for those who want them.

    Attributes:
        name: Of the file of its numbers, without an ending; no two of a page share one.
        picture: A figure, or a PNG file.
        caption: What is seen.
        alternative: What the picture tells, in words and numbers.
        numbers: Rows of what is drawn.
        is_wide: It takes the whole width.
    """

    name: str
    picture: "Figure | bytes"
    caption: str
    alternative: str
    numbers: Records = ()
    is_wide: bool = False


@dataclass(frozen=True)
class Cell:
    """A cell of a grid.

    Attributes:
        text: What it shows.
        value: The number that it is sorted by, where it has one.
        is_data: The text is a datum: every letter of it is shown as it is.
    """

    text: str
    value: float | None = None
    is_data: bool = False


@dataclass(frozen=True, eq=False)
class Sound:
    """A sound to be played: its name, and a WAV file."""

    name: str
    content: bytes


@dataclass(frozen=True, eq=False)
class Grid:
    """A table of a page.

    Attributes:
        name: See `Chart`.
        caption: What it shows.
        head: Names of the columns.
        rows: Cells, as many as names; the first names the row.
        records: The rows as values, to download; nothing to download where it is empty.
        is_sortable: Its columns can be sorted.
        is_folded: It is shown when the reader asks for it.
    """

    name: str
    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    records: Records = ()
    is_sortable: bool = False
    is_folded: bool = False


@dataclass(frozen=True)
class Finding:
    """A verdict: a sentence, how bad it is, and what can be done, each with its code.

    Attributes:
        severity: "fault", "warning" or "fine".
        sentence: What was found.
        remedies: A sentence and code, or words of a command, each.
    """

    severity: str
    sentence: str
    remedies: Sequence[tuple[str, Sequence[str]]] = ()


@dataclass(frozen=True, eq=False)
class Part:
    """Of a section: what is said of one run, or of all.

    Attributes:
        title: Above it; empty where the section has one part.
        text: Paragraphs.
        code: To copy.
        sounds: To be played.
    """

    title: str = ""
    text: Sequence[str] = ()
    code: str = ""
    findings: Sequence[Finding] = ()
    charts: Sequence[Chart] = ()
    sounds: Sequence[Sound] = ()
    grids: Sequence[Grid] = ()


@dataclass(frozen=True, eq=False)
class Section:
    """A section of a page: its anchor is its name."""

    name: str
    title: str
    parts: Sequence[Part]


def section(name: str, title: str, parts: Sequence[Part | None]) -> Section | None:
    """A section of the parts that there are; None where there are none."""
    found = [part for part in parts if part is not None]
    return Section(name, title, found) if found else None


def cells(*texts: str) -> list[Cell]:
    """Cells that are text alone."""
    return [Cell(text) for text in texts]
