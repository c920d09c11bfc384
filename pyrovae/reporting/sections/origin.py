"""What was run, and how to run it again."""

from collections.abc import Sequence

from ..section import Grid, Part, Section, cells, section
from ..subject import Subject


def origin(subjects: Sequence[Subject]) -> Section | None:
    """Per run: the command, data, device, versions and time, and the whole configuration."""
    return section("origin", "What was run", [_part(each, subjects) for each in subjects])


def _part(subject: Subject, subjects: Sequence[Subject]) -> Part | None:
    number = subjects.index(subject) + 1
    grids = []
    if subject.about:
        rows = [cells(label, value) for label, value in subject.about.items()]
        records = [{"name": label, "value": value} for label, value in subject.about.items()]
        grids.append(Grid(f"about-{number}", "", ("", ""), rows, records))
    if subject.settings:
        grids.append(
            Grid(
                f"settings-{number}", "The whole configuration", ("setting", "value"),
                [cells(place, _shown(value)) for place, value in subject.settings.items()],
                [{"setting": place, "value": v} for place, v in subject.settings.items()],
                is_folded=True,
            )
        )  # fmt: skip
    if not grids and not subject.command and not subject.remarks:
        return None
    title = subject.name if len(subjects) > 1 else ""
    return Part(title, list(subject.remarks), subject.command, grids=grids)


def _shown(value: object) -> str:
    return "not given" if value is None else str(value)
