"""The table of a report, and its JSON file."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..runtime.files import save

Row = tuple[str, str, str, str]
"""What is measured, its value, its standard error or "", and a remark."""


@dataclass(frozen=True)
class Report:
    """Measurements of a pair on held-out data.

    Attributes:
        rows: What is measured, its value, its standard error or None, and a remark.
        facts: The same numbers by name, for a machine.
    """

    rows: tuple[Row, ...]
    facts: dict[str, Any]

    def __str__(self) -> str:
        widths = [max(len(row[i]) for row in self.rows) for i in range(3)]
        return "\n".join(
            f"{what:<{widths[0]}}  {value:>{widths[1]}} {error:<{widths[2]}}  {remark}".rstrip()
            for what, value, error, remark in self.rows
        )

    def save(self, path: Path) -> None:
        """Write the numbers as JSON; those that do not exist are null.

        Raises:
            SaveError: The file cannot be written; one that was there is as it was.
        """
        clean = {k: None if isinstance(v, float) and not math.isfinite(v) else v
                 for k, v in self.facts.items()}  # fmt: skip
        save(Path(path), json.dumps(clean, indent=2) + "\n")
