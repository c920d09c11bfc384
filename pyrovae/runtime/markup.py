"""Tables of text as plain text, HTML and LaTeX."""

import re
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

Cells = Sequence[Sequence[str]]

_SPECIAL = {c: f"\\{c}" for c in "&%$#_{}"} | {
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\\": r"\textbackslash{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
}
_MATHS = re.compile(r"\+-|(?<![\w.)])[-+](?=[\d.])|(?<=\d)e[-+]?\d+\b")
_NUMBER = re.compile(r"[-+~<>]*\.?\d")
_NO_NUMBER = ("", "-", "nan", "inf", "-inf", "n/a", "?", "...")


class Section(NamedTuple):
    """A table, its head row first, with what stands above and below it."""

    cells: Cells
    title: str = ""
    notes: Sequence[str] = ()


def aligned(cells: Cells) -> str:
    """Columns of one width each: the first and a last one of texts to the left, others right."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    left = {0} | ({len(widths) - 1} if _sides(cells)[-1] == "left" else set())
    return "\n".join(
        "  ".join(
            cell.ljust(width) if place in left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    )


def as_text(sections: Sequence[Section]) -> str:
    """Each section's title, table and notes, a blank line between sections."""
    return "\n\n".join(
        "\n".join([*([s.title] if s.title else []), aligned(s.cells), *s.notes]) for s in sections
    )


def as_html(sections: Sequence[Section]) -> str:
    """Tables in the colours and fonts of the page around them, light or dark."""
    return "".join(map(_html_of, sections))


def _html_of(section: Section) -> str:
    head, *rows = section.cells
    sides = [f' style="text-align:{side}"' for side in ("left", *_sides(section.cells)[1:])]

    def line(row: Sequence[str], first: str, other: str) -> str:
        tags = [first, *[other] * (len(row) - 1)]
        return "".join(
            f"<{tag}{side}>{escape(cell)}</{tag.split()[0]}>"
            for tag, side, cell in zip(tags, sides, row, strict=True)
        )

    column, name = 'th scope="col"', 'th scope="row"'
    body = "".join(f"<tr>{line(row, name, 'td')}</tr>" for row in rows)
    title = "<br>".join(map(escape, section.title.strip().splitlines()))
    caption = f'<caption style="text-align:left">{title}</caption>' if title else ""
    notes = "<br>".join(map(escape, section.notes))
    return (
        f'<table style="font-variant-numeric:tabular-nums">{caption}'
        f"<thead><tr>{line(head, column, column)}</tr></thead><tbody>{body}</tbody></table>"
        + (f'<p style="white-space:pre-wrap">{notes}</p>' if notes else "")
    )


def as_latex(
    sections: Sequence[Section], caption: str | None = None, label: str | None = None
) -> str:
    """Tables of the package booktabs one below the other; titles and notes as comments."""
    text = "\n".join(map(_latex_of, sections))
    if caption is None and label is None:
        return text
    lines = [r"\begin{table}", r"\centering", text.rstrip("\n")]
    lines += [] if caption is None else [rf"\caption{{{caption}}}"]
    lines += [] if label is None else [rf"\label{{{label}}}"]
    return "\n".join([*lines, r"\end{table}"]) + "\n"


def _latex_of(section: Section) -> str:
    head, *rows = section.cells
    sides = "".join(side[0] for side in _sides(section.cells))
    lines = [
        *(f"% {line}" for line in section.title.strip().splitlines()),
        rf"\begin{{tabular}}{{{sides}}}",
        r"\toprule",
        _latex_row(head),
        r"\midrule",
        *map(_latex_row, rows),
        r"\bottomrule",
        r"\end{tabular}",
        *(f"% {line}" for note in section.notes for line in note.splitlines()),
    ]
    return "\n".join(lines) + "\n"


def _latex_row(row: Sequence[str]) -> str:
    return " & ".join(map(_latex_cell, row)) + r" \\"


def _latex_cell(cell: str) -> str:
    """A cell with its signs and powers of ten in maths."""
    made, done = [], 0
    for found in _MATHS.finditer(cell):
        made += [_latex_text(cell[done : found.start()]), _in_maths(found[0])]
        done = found.end()
    return "".join([*made, _latex_text(cell[done:])])


def _in_maths(sign: str) -> str:
    if sign == "+-":
        return r"$\pm$"
    return f"${sign}$" if len(sign) == 1 else rf"$\times 10^{{{int(sign[1:])}}}$"


def _latex_text(text: str) -> str:
    return "".join(_SPECIAL.get(c, c) for c in text)


def _sides(cells: Cells) -> list[str]:
    """Of each column, "right" where it holds numbers."""
    _, *rows = cells
    return (
        [_side(column) for column in zip(*rows, strict=True)] if rows else ["left"] * len(cells[0])
    )


def _side(column: Sequence[str]) -> str:
    known = [cell.strip() for cell in column if cell.strip() not in _NO_NUMBER]
    return "right" if known and all(map(_NUMBER.match, known)) else "left"
