"""What the pair makes where that is no picture: text, sounds, rows of a table."""

from collections.abc import Sequence
from dataclasses import replace

from ..section import Part, Section, section
from ..subject import Subject


def readings(subjects: Sequence[Subject]) -> Section | None:
    """The data that each run makes."""
    parts = [
        _named(part, number, subject.name if len(subjects) > 1 else "")
        for number, subject in enumerate(subjects, 1)
        for part in subject.readings
    ]
    return section("readings", "Samples and reconstructions", parts)


def _named(part: Part, number: int, title: str) -> Part:
    """The same with names that no other run has."""
    grids = [replace(grid, name=f"{grid.name}-{number}") for grid in part.grids]
    return replace(part, title=title or part.title, grids=grids)
