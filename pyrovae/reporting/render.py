"""A page: one file of HTML that holds all it shows and fetches nothing."""

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any

from .drawing import csv_uri, png_uri, svg_of, wav_uri
from .head import head_of
from .section import Chart
from .sections import SECTIONS
from .subject import Subject

_NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
"""Characters that a page may not hold, nor UTF-8 encode."""


def render(subjects: Sequence[Subject]) -> str:
    """The page of one or several runs.

    All text in it is escaped, also what a template forgot; and its own script is the only one that
    a browser will run, by a policy that names the script's hash.

    Args:
        subjects: The runs; where two share a name, they are numbered.
    """
    subjects = _told_apart(subjects)
    found = [made for make in SECTIONS if (made := make(subjects)) is not None]
    script = _file("script.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    page = _template().render(
        head=head_of(subjects),
        sections=found,
        style=_file("style.css"),
        script=script,
        script_hash=digest,
        when=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )
    return _NO_TEXT.sub("\ufffd", page)


def _told_apart(subjects: Sequence[Subject]) -> list[Subject]:
    names = [each.name for each in subjects]
    return [
        replace(each, name=f"{each.name} ({place})") if names.count(each.name) > 1 else each
        for place, each in enumerate(subjects, 1)
    ]


@cache
def _template() -> Any:  # noqa: ANN401 (jinja2 is slow to import)
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["prose"] = _prose
    environment.globals |= {"picture": _picture, "csv_uri": csv_uri, "wav_uri": wav_uri}
    return environment.from_string(_file("page.html"))


def _picture(chart: Chart) -> Any:  # noqa: ANN401 (of markupsafe)
    """The markup of a chart's picture: inline SVG, or an image that holds its content."""
    from markupsafe import Markup

    if isinstance(chart.picture, bytes):
        return Markup('<img class="paper" src="{}" alt="{}">').format(
            png_uri(chart.picture), chart.alternative
        )
    # matplotlib escapes the text that it draws, and svg_of the words that it adds
    return Markup(svg_of(chart.picture, chart.name, chart.alternative))


def _prose(text: str) -> Any:  # noqa: ANN401 (of markupsafe)
    """Escaped text, in which `names between backquotes` are code."""
    from markupsafe import Markup, escape

    pieces = re.split(r"`([^`\n]+)`", text)
    marked = [Markup("<code>{}</code>").format(p) if i % 2 else escape(p)
              for i, p in enumerate(pieces)]  # fmt: skip
    return Markup("").join(marked)


def _file(name: str) -> str:
    return (files(__package__) / "page" / name).read_text(encoding="utf-8")
