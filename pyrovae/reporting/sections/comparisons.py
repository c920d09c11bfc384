"""Comparisons of estimators that were made of a run."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ..section import Cell, Chart, Grid, Part, Section, section
from ..subject import Subject

_MOST = 12  # columns
_FIRST = (
    "objective", "kind", "num_particles", "bound", "bound_monte_carlo_error", "gap", "ess",
    "k_hat", "milliseconds", "nll", "nll_sd", "difference", "difference_sd",
)  # fmt: skip
"""Columns that are shown first, of `compare` and of `compare-training`; all are downloaded."""


def comparisons(subjects: Sequence[Subject]) -> Section | None:
    """The tables that `compare` and `compare-training` left in the folders."""
    found = [
        _part(subject, name, rows, f"{name}-{number}", len(subjects) > 1)
        for number, subject in enumerate(subjects, 1)
        for name, rows in subject.tables.items()
    ]
    return section("comparisons", "Estimators compared", found)


def _part(
    subject: Subject,
    name: str,
    rows: Sequence[Mapping[str, Any]],
    unique: str,
    is_named: bool,
) -> Part:
    given = {key for row in rows for key in row}
    columns = [key for key in _FIRST if key in given][:_MOST]
    columns = columns or list(dict.fromkeys(key for row in rows for key in row))[:_MOST]
    grid = Grid(
        unique,
        f"{name}: a row for each objective. The file has all columns.",
        [column.replace("_", " ") for column in columns],
        [[_cell(row.get(column)) for column in columns] for row in rows],
        rows,
        is_sortable=True,
    )
    picture = subject.pictures.get(name)
    charts = [] if picture is None else [
        Chart(
            f"{unique}-picture", picture, f"The picture of `pyrovae {name}`.",
            f"The picture that `pyrovae {name}` drew of {len(rows)} objectives; the table below "
            "has the numbers.",
            is_wide=True,
        )
    ]  # fmt: skip
    return Part(f"{subject.name}: {name}" if is_named else name, charts=charts, grids=[grid])


def _cell(value: Any) -> Cell:  # noqa: ANN401
    if isinstance(value, bool) or not isinstance(value, int | float):
        return Cell("-" if value is None else str(value))
    if not math.isfinite(value):
        return Cell("-")
    return Cell(f"{value:.5g}" if isinstance(value, float) else str(value), float(value))
