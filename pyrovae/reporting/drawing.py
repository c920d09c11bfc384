"""Figures and numbers as what a page holds in itself: inline SVG, and data URIs."""

import base64
import csv
import json
import re
import warnings
from collections.abc import Mapping, Sequence
from html import escape
from io import BytesIO, StringIO
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ..runtime.result import without_nan

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SHRUNK = 0.72  # of the size for paper: the text of a picture is then readable on a phone
_MANY = 400  # points; more than these are drawn as pixels, as each would take 100 bytes
_CYCLE = (
    "1f77b4", "ff7f0e", "2ca02c", "d62728", "9467bd", "8c564b", "e377c2", "7f7f7f", "bcbd22",
    "17becf",
)  # fmt: skip
_NAMED = {f"#{colour}": f"var(--c{i})" for i, colour in enumerate(_CYCLE)} | {
    "#000000": "currentColor",
    "#ffffff": "var(--card)",
    "#262626": "currentColor",
}
"""Colours of matplotlib, and those of the page that change between light and dark."""


def svg_of(figure: "Figure", name: str, alternative: str) -> str:
    """A figure as SVG to stand in a page. Its colours are the page's, light or dark.

    Args:
        figure: It is as it was afterwards.
        name: Begins the names inside, which one page shares.
        alternative: What it tells, for those who cannot see it.
    """
    from matplotlib import rc_context

    content, size = BytesIO(), figure.get_size_inches().copy()
    figure.set_size_inches(*(_SHRUNK * size))
    crowded = [each for axes in figure.axes for each in axes.collections if _is_crowded(each)]
    for each in crowded:
        each.set_rasterized(True)
    try:
        with (
            rc_context({"svg.fonttype": "none", "svg.hashsalt": "pyrovae"}),
            warnings.catch_warnings(),
        ):
            # Where names leave no room for the axes they overlap, and the numbers are below.
            warnings.filterwarnings("ignore", "constrained_layout not applied")
            figure.savefig(
                content, format="svg", transparent=True, bbox_inches="tight", pad_inches=0.05,
                metadata={"Date": None},
            )  # fmt: skip
    finally:
        figure.set_size_inches(*size)
        for each in crowded:
            each.set_rasterized(False)
    svg = content.getvalue().decode()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\b(id="|xlink:href="#|url\(#)', rf"\1{_word(name)}-", svg)
    svg = re.sub("|".join(_NAMED), lambda found: _NAMED[found[0]], svg)
    head = f'<svg role="img" aria-label="{escape(alternative)}"'
    return re.sub(r'<svg( width="[^"]*"| height="[^"]*")*', head, svg, count=1).strip()


def png_uri(content: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"


def wav_uri(content: bytes) -> str:
    return f"data:audio/wav;base64,{base64.b64encode(content).decode()}"


def csv_uri(records: Sequence[Mapping[str, Any]]) -> str:
    """Rows as a CSV file; a column that a row lacks stays empty."""
    names = list(dict.fromkeys(name for row in records for name in row))
    content = StringIO(newline="")
    writer = csv.writer(content, lineterminator="\n")
    writer.writerow([_plain(name) for name in names])
    writer.writerows([[_plain(row.get(name, "")) for name in names] for row in records])
    return "data:text/csv;charset=utf-8," + quote(content.getvalue(), safe=",", errors="replace")


def json_uri(value: Any) -> str:  # noqa: ANN401
    """Values as a JSON file."""
    return "data:application/json," + quote(json.dumps(without_nan(value)), safe=",:")


def pixels_of(figure: "Figure") -> list[dict[str, int]]:
    """The images of a figure as they are drawn: a row of grey levels from 0 to 255 each.

    Of colours there are three columns a pixel.
    """
    import numpy as np

    rows = []
    for axes in figure.axes:
        for image in axes.images:
            array = np.asarray(image.get_array(), dtype=float)
            low, high = image.get_clim() if array.ndim == 2 else (0.0, 1.0)
            shares = (array - (low or 0.0)) / ((high or 1.0) - (low or 0.0))
            levels = (255 * shares.clip(0, 1)).round().astype(int)
            rows += levels.reshape(len(levels), -1).tolist()
    return [{str(i): level for i, level in enumerate(row)} for row in rows]


def _is_crowded(collection: Any) -> bool:  # noqa: ANN401
    offsets = collection.get_offsets()
    return len(offsets) > _MANY


def _word(name: str) -> str:
    return re.sub(r"\W+", "-", name)


def _plain(value: Any) -> Any:  # noqa: ANN401
    """A cell that a spreadsheet does not take for a formula."""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"
    return value
