"""What other commands left in the folder of a run."""

from collections.abc import Sequence
from typing import Any

from ..section import Cell, Chart, Grid, Part, Section, section
from ..subject import Subject, Use

_MOST = 30  # numbers of a use


def uses(subjects: Sequence[Subject]) -> Section | None:
    """The pictures and numbers of the uses that were run, such as `pyrovae complete RUN`."""
    found = [
        _part(use, f"{subject.name}: {use.name}" if len(subjects) > 1 else use.name, number)
        for number, subject in enumerate(subjects, 1)
        for use in subject.uses
    ]
    return section("uses", "What it was used for", found)


def _part(use: Use, title: str, number: int) -> Part:
    numbers = _flat(use.numbers)
    records = [{"name": name, "value": value} for name, value in numbers.items()]
    unique = f"{use.name}-{number}"
    told = ", ".join(f"{name} {_shown(value)}" for name, value in list(numbers.items())[:4])
    charts = [
        Chart(
            unique, use.picture, f"The picture of `pyrovae {use.name}`.",
            f"The picture that `pyrovae {use.name}` drew of this run. {told or 'No numbers'}.",
            records, is_wide=True,
        )
    ] if use.picture else []  # fmt: skip
    grids = [
        Grid(
            f"{unique}-numbers", f"Numbers of {use.name}", ("", "value"),
            [[Cell(name), Cell(_shown(value))] for name, value in list(numbers.items())[:_MOST]],
            records, is_folded=True,
        )
    ] if numbers else []  # fmt: skip
    return Part(title, [use.remark] if use.remark else [], charts=charts, grids=grids)


def _flat(value: Any, place: str = "") -> dict[str, Any]:  # noqa: ANN401
    """Plain values by place; lists stay out of the table."""
    if isinstance(value, dict):
        found: dict[str, Any] = {}
        for name, part in value.items():
            found |= _flat(part, f"{place}.{name}".strip("."))
        return found
    return {} if isinstance(value, list) or not place else {place: value}


def _shown(value: Any) -> str:  # noqa: ANN401
    return f"{value:.5g}" if isinstance(value, float) else str(value)[:200]
