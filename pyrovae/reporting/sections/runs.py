"""Several runs side by side."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..finite_history import is_finite
from ..section import Cell, Grid, Part, Section, section
from ..subject import Subject

_COLUMNS = {
    "ELBO": ("elbo", ".2f"),
    "NLL": ("nll", ".2f"),
    "± NLL": ("nll_standard_error", ".2f"),
    "bits/dim": ("bits_per_dim", ".4f"),
    "perplexity": ("perplexity", ".3f"),
    "active units": ("active_units", "g"),
}
"""Names of columns, and the facts that they show."""
_SAME_WITHOUT = {"epochs", "device", "test_particles", "data_root", "root"}
"""Settings that are no columns: where a run was; its epochs have a column of their own."""
_MOST = 8  # settings that are columns


def runs(subjects: Sequence[Subject]) -> Section | None:
    """A row a run: what was measured, and in what their configurations differ."""
    if len(subjects) < 2:
        return None
    places = differences([each.settings for each in subjects])
    shown = [name for name, (fact, _) in _COLUMNS.items()
             if any(_number(each, fact) is not None for each in subjects)]  # fmt: skip
    head = ("run", *shown, "epochs", "minutes", *map(_short, places[:_MOST]))
    rows = [_row(each, places[:_MOST], shown) for each in subjects]
    named = ("run", *shown, "epochs", "minutes", *places[:_MOST])
    records = [
        {name: cell.text if cell.value is None else cell.value
         for name, cell in zip(named, row, strict=True)}
        for row in rows
    ]  # fmt: skip
    text = [f"They also differ in {_listed(places[_MOST:])}."] if places[_MOST:] else []
    caption = (
        "A row for each run: what was measured, and in what the configurations differ. NLL and "
        "ELBO are in nats per datum. A click on a name sorts."
    )
    grid = Grid("runs", caption, head, rows, records, is_sortable=True)
    return section("runs", "Runs side by side", [Part(text=text, grids=[grid])])


def differences(settings: Sequence[Mapping[str, object]]) -> list[str]:
    """The places where these configurations differ."""
    places = dict.fromkeys(place for each in settings for place in each)
    return [
        place
        for place in places
        if place not in _SAME_WITHOUT and len({repr(each.get(place)) for each in settings}) > 1
    ]


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return f"{', '.join(names[:_MOST])}{more}"


def _row(subject: Subject, places: Sequence[str], shown: Sequence[str]) -> list[Cell]:
    row = [Cell(subject.name)]
    for name in shown:
        fact, pattern = _COLUMNS[name]
        row.append(_cell(_number(subject, fact), pattern))
    seconds = sum(entry.get("seconds") or 0.0 for entry in subject.history)
    row.append(_cell(len(subject.history) or None, "g"))
    row.append(_cell(seconds / 60 if subject.history else None, ".2f"))
    for place in places:
        value = subject.settings.get(place)
        row.append(Cell("-" if value is None else _short(str(value)), _plain_number(value)))
    return row


def _cell(number: float | None, pattern: str) -> Cell:
    return Cell("-") if number is None else Cell(format(number, pattern), float(number))


def _number(subject: Subject, fact: str) -> float | None:
    return _plain_number(subject.facts.get(fact))


def _plain_number(value: Any) -> float | None:  # noqa: ANN401 (of a configuration)
    return float(value) if is_finite(value) else None


def _short(place: str) -> str:
    """The last two steps of a place, or of the import path of a class."""
    return ".".join(place.split(".")[-2:]) if len(place) > 24 else place
