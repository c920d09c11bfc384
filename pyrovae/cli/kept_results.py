"""What the commands left in a run folder, for its page. It is data, whoever wrote it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import ConfigError
from ..reporting import Use
from .kept_json import read_json

_PNG = b"\x89PNG\r\n\x1a\n"
_LARGEST = 2**21  # bytes of a picture
_MOST = 24  # uses of a run
_OF_FIT = ("curves", "reconstructions", "samples", "latents", "traversals")
_NOT_USES = ("report", "origin", *_OF_FIT)


@dataclass(frozen=True)
class KeptResults:
    """What the files of a run folder hold.

    Attributes:
        facts: Numbers of `report.json`.
        pictures: PNG files that `fit` wrote, by name.
        tables: Rows of comparisons by name.
        uses: What other commands wrote.
        remarks: On files that are left out, and why.
    """

    facts: Mapping[str, Any] = field(default_factory=dict)
    pictures: Mapping[str, bytes] = field(default_factory=dict)
    tables: Mapping[str, list[dict[str, Any]]] = field(default_factory=dict)
    uses: tuple[Use, ...] = ()
    remarks: tuple[str, ...] = ()


def kept_results(run: Path) -> KeptResults:
    """Read the results in a run folder; what is damaged is left out with a remark."""
    facts, tables, numbers, remarks = {}, {}, {}, []
    for path in sorted(run.glob("*.json")):
        try:
            held = read_json(path)
        except ConfigError as error:
            remarks.append(f"Left out: {error}.")
            continue
        rows = held.get("rows") if isinstance(held, dict) else None
        if path.stem == "report" and isinstance(held, dict):
            facts = {k: v for k, v in held.items() if isinstance(v, int | float | str)}
        elif isinstance(rows, list) and rows and all(isinstance(row, dict) for row in rows):
            tables[path.stem] = rows
        elif not path.stem.startswith(_NOT_USES):
            numbers[path.stem] = held
    pictures = {}
    for path in sorted(run.glob("*.png")):
        content = _picture(path)
        if content is None:
            remarks.append(f"Left out: {path.name} is no PNG picture of up to {_LARGEST} bytes.")
        else:
            pictures[path.stem] = content
    names = [n for n in sorted({*numbers, *pictures}) if n not in (*_OF_FIT, *tables)]
    if len(names) > _MOST:
        remarks.append(f"Left out: {', '.join(names[_MOST:])[:400]}; a page shows {_MOST}.")
    return KeptResults(
        facts,
        {name: pictures[name] for name in (*_OF_FIT, *tables) if name in pictures},
        tables,
        tuple(Use(name, pictures.get(name, b""), numbers.get(name)) for name in names[:_MOST]),
        tuple(remarks),
    )


def _picture(path: Path) -> bytes | None:
    if not path.is_file():  # a pipe would be waited for
        return None
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except OSError:
        return None
    return content if content.startswith(_PNG) and len(content) <= _LARGEST else None
