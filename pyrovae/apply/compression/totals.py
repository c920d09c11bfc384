"""What coding gave, as sums."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Totals:
    """What coding gave, summed over the data.

    Attributes:
        count: Data, N.
        numbers: In a datum, D.
        raw_bytes: Of the data as given.
        file_bytes: Of the whole file.
        net_bits: What the data added to the stream.
        initial_bits: What was put in before, once a chunk.
        seconds: Of coding.
        verify_seconds: Of decoding again.
    """

    count: int
    numbers: int
    raw_bytes: int
    file_bytes: int
    net_bits: float
    initial_bits: float
    seconds: float
    verify_seconds: float
