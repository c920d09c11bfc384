"""The keywords of compression."""

from typing import TypedDict

from ...data.columns import Columns

DEFAULT_CHUNK = 1000
"""Data in a chunk."""


class CompressOptions(TypedDict, total=False):
    """Keywords of `compress` and `compress_file`.

    Args:
        shape: Of a datum as the pair takes it, where the data have another one of as many
            numbers: (1, 28, 28) for images [N, 28, 28]. They are given back as they were.
        chunk: Data that are coded together. A chunk is decoded by itself, and must put in initial
            bits of its own: few data in a chunk make a larger file, many a slower random access.
        rows: Data that are coded side by side; see `BitsBack`, as for the next two.
        grid: Width of a cell of the latents, in standard deviations of the posterior.
        seed: Of the initial bits.
        verify: Decode each chunk after it was coded, and compare.
        columns: Which arrays of a file or a dict are data and what the pair takes besides; a
            name, a place, or several.
        progress: See `SweepOptions`.
    """

    shape: tuple[int, ...] | None
    chunk: int
    rows: int
    grid: float
    seed: int
    verify: bool
    columns: Columns | None
    progress: bool | None
