"""What compressing a file gave, as a table."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ...runtime.result import Result
from .totals import Totals

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Compression(Result):
    """Sizes and rates of a compressed file.

    Rates are bits per dimension: per pixel for grey images.

    Attributes:
        totals: What coding gave.
        model_bytes: Of the model, without which nothing is decoded.
        elbo: Mean over the data, in nats; None where it was not measured.
    """

    totals: Totals
    model_bytes: int
    elbo: float | None = None

    @property
    def net_rate(self) -> float:
        """Bits that the data added to the stream: in expectation minus the ELBO."""
        return self._rate(self.totals.net_bits)

    @property
    def gross_rate(self) -> float:
        """Bits of the whole file: with initial bits, header and index."""
        return self._rate(8 * self.totals.file_bytes)

    @property
    def rate_with_model(self) -> float:
        """Bits of the file and the model."""
        return self._rate(8 * (self.totals.file_bytes + self.model_bytes))

    @property
    def minus_elbo_rate(self) -> float | None:
        """Minus the ELBO, in bits per dimension."""
        if self.elbo is None:
            return None
        return -self.elbo / (math.log(2) * self.totals.numbers)

    def with_model_bytes(self, model_bytes: int) -> "Compression":
        """The same beside the size of another file of the model."""
        return replace(self, model_bytes=model_bytes)

    def cells(self) -> Sequence[Sequence[str]]:
        """See `Result.cells`."""
        t = self.totals
        bound = self.minus_elbo_rate
        lines = [
            ("", "value", "unit"),
            ("data", f"{t.count:,}", f"of {t.numbers:,} numbers"),
            ("as given", f"{t.raw_bytes:,}", "bytes"),
            ("file", f"{t.file_bytes:,}", f"bytes, 1 : {t.raw_bytes / t.file_bytes:.2f}"),
            ("net rate", f"{self.net_rate:.4f}", "bits/dim"),
            *([] if bound is None else [("minus the ELBO", f"{bound:.4f}", "bits/dim")]),
            ("gross rate", f"{self.gross_rate:.4f}", "bits/dim, the whole file"),
            ("model", f"{self.model_bytes:,}", "bytes, not in the file"),
            ("with the model", f"{self.rate_with_model:.4f}", "bits/dim"),
            ("coding", f"{t.seconds:.2f}", f"s, {_speed(t.count, t.seconds)} data/s"),
        ]
        if t.verify_seconds:
            speed = _speed(t.count, t.verify_seconds)
            lines.append(("decoding again", f"{t.verify_seconds:.2f}", f"s, {speed} data/s"))
        return lines

    def records(self) -> list[dict[str, Any]]:
        """One row."""
        return [self.numbers()]

    def plot(self) -> "Figure":
        """The rates, beside minus the ELBO."""
        from ...plots.values import bars  # matplotlib is slow to import

        rates = {
            "net": self.net_rate,
            "whole file": self.gross_rate,
            "with the model": self.rate_with_model,
        }
        bound = self.minus_elbo_rate
        words = "" if bound is None else f"minus the ELBO, {bound:.4f}"
        return bars(rates, label="bits per dimension", limit=bound, limit_label=words)

    def numbers(self) -> dict[str, Any]:
        """See `Result.numbers`."""
        t = self.totals
        return {
            "num_data": t.count,
            "num_dims": t.numbers,
            "raw_bytes": t.raw_bytes,
            "file_bytes": t.file_bytes,
            "model_bytes": self.model_bytes,
            "initial_bits": t.initial_bits,
            "net_bits_per_dim": self.net_rate,
            "gross_bits_per_dim": self.gross_rate,
            "minus_elbo_bits_per_dim": self.minus_elbo_rate,
            "bits_per_dim_with_model": self.rate_with_model,
            "encode_seconds": t.seconds,
            "decode_seconds": t.verify_seconds or None,
        }

    def _rate(self, bits: float) -> float:
        return bits / (self.totals.count * self.totals.numbers)


@dataclass(frozen=True)
class Decompression(Result):
    """What decompressing a file gave.

    Attributes:
        count: Data that were written.
        total: Data in the file.
        seconds: Of decoding and writing.
    """

    count: int
    total: int
    seconds: float

    def cells(self) -> Sequence[Sequence[str]]:
        """See `Result.cells`."""
        return [
            ("", "value", "unit"),
            ("data", f"{self.count:,}", f"of {self.total:,} in the file, each checked"),
            ("decoding", f"{self.seconds:.2f}", f"s, {_speed(self.count, self.seconds)} data/s"),
        ]

    def records(self) -> list[dict[str, Any]]:
        """One row."""
        return [self.numbers()]

    def numbers(self) -> dict[str, Any]:
        """See `Result.numbers`."""
        return {"num_data": self.count, "num_in_file": self.total, "seconds": self.seconds}


def _speed(count: int, seconds: float) -> str:
    return f"{count / max(seconds, 1e-9):,.0f}"
