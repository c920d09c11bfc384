"""What an interrupted command leaves: the result so far, beside the file of the whole."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..runtime.interrupts import Interrupted
from ..runtime.log import LOG


@contextmanager
def kept_if_interrupted(out: Path) -> Iterator[None]:
    """Write the partial result of an interrupt as CSV and JSON; an earlier whole one stays.

    Args:
        out: File of the whole, "compare.csv": the partial one is "compare-interrupted.csv".
    """
    try:
        yield
    except Interrupted as stop:
        path = out.with_stem(f"{out.stem}-interrupted")
        stop.partial.to_csv(path.with_suffix(".csv"))
        stop.partial.to_json(path.with_suffix(".json"))
        LOG.info("written: %s, %s", path.with_suffix(".csv"), path.with_suffix(".json"))
        raise
