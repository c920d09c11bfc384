"""The table of what was measured."""

from collections.abc import Sequence

from ..section import Cell, Grid, Part, Section, section
from ..subject import Subject


def measurements(subjects: Sequence[Subject]) -> Section | None:
    """One table a run: value, standard error and remark of each measurement."""
    return section("measurements", "Measurements", [_part(each, subjects) for each in subjects])


def _part(subject: Subject, subjects: Sequence[Subject]) -> Part | None:
    if not subject.rows:
        return None
    number, is_folded = subjects.index(subject), len(subjects) > 1
    rows = [
        [Cell(what.strip()), Cell(value), Cell(error.replace("+-", "±")), Cell(remark)]
        for what, value, error, remark in subject.rows
    ]
    grid = Grid(
        f"measurements-{number + 1}",
        "The measurements of this run"
        if is_folded
        else "On data that were not trained on. Errors are standard errors of the mean over data.",
        ("", "value", "error", "remark"),
        rows,
        [{"name": name, "value": value} for name, value in subject.facts.items()],
        is_folded=is_folded,
    )
    return Part(subject.name if is_folded else "", grids=[grid])
