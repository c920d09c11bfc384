"""From a compressed file to data, any rows by their chunks alone."""

from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np
from torch import Tensor

from ...data.conversion import as_tensor
from ...errors import CompressionError, DataError, PyrovaeError, first_line
from ...particles.modes import in_mode
from ...particles.tracing import FAILURES, Program
from ...runtime.progress import progress_bar
from .bits_back import BitsBack
from .container import Container
from .fingerprint import Fingerprint, fingerprint, rows_of_zeros
from .levels import as_given, decoded_digest, digest_of, torch_dtype
from .machine import in_words, this_machine

Part = slice | tuple[int, int] | None
"""Which rows: a slice, (first, one past the last), or None for all."""


class Archive:
    """A compressed file, opened with the pair that made it.

    Args:
        model: Pyro model.
        guide: Pyro guide.
        file: Open for reading and seekable.
        args: What the pair takes after the data, for all N rows.
        name: What errors call the file.

    Attributes:
        header: What the file says of its data.

    Raises:
        CompressionError: The file is damaged, or was made with another pair.
    """

    def __init__(
        self, model: Program, guide: Program, file: BinaryIO, args: Sequence[Any], name: str
    ) -> None:
        self._container = Container(file, name)
        self.header = self._container.header
        self._model, self._guide, self._name = model, guide, name
        self._args = tuple(map(_as_tensor, args))
        self._check_pair()
        self._coder = BitsBack(
            model,
            guide,
            self.header.pair_shape,
            grid=self.header.grid,
            rows=self.header.rows,
            seed=self.header.seed,
        )

    def __len__(self) -> int:
        """Number of data."""
        return len(self._container)

    def rows(self, part: Part) -> range:
        """The numbers of the rows of a part.

        Raises:
            DataError: It holds no row, or rows that are not there.
        """
        if isinstance(part, slice):
            if part.step not in (None, 1):
                raise DataError(f"part={part}: give a slice of step one")
            found = range(*part.indices(len(self)))
        else:
            found = range(*((0, len(self)) if part is None else part))
        if not found or found[0] < 0 or found[-1] >= len(self):
            raise DataError(
                f"{self._name} holds rows 0 to {len(self) - 1}, and none or others are asked for "
                f"by {part}; give (first, one past the last)"
            )
        return found

    def blocks(self, rows: range, *, progress: bool | None = None) -> Iterator[Any]:
        """The data of rows as they were given, chunk by chunk, each checked.

        Raises:
            CompressionError: A chunk is damaged, or does not decode to its data here.
        """
        each = self.header.chunk
        bar = progress_bar(len(rows), "data", progress)
        with bar, in_mode("evaluation", self._model, self._guide):
            for place in range(rows.start // each, (rows.stop - 1) // each + 1):
                levels = self._decoded(place)
                begin = max(rows.start - place * each, 0)
                wanted = levels[begin : rows.stop - place * each]
                yield as_given(wanted, *self.header.as_given)
                bar.update(len(wanted))

    def _decoded(self, place: int) -> Tensor:
        words, chunk = self._container.words(place), self._container.chunks[place]
        start = place * self.header.chunk
        args = self._args_of(start, chunk.count)
        where = f"{self._name}, rows {start} to {start + chunk.count - 1}"
        if digest_of(*args) != chunk.given:
            raise CompressionError(
                f"{where}: what the pair is given after the data is not what it was given when "
                "they were compressed; give the same, for all rows and of the same type"
            )
        try:
            with np.errstate(all="ignore"):  # what forged words lead to is refused below
                found = self._coder.decode(words, chunk.count, *args).double().cpu()
        except (DataError, ArithmeticError, *FAILURES) as error:
            if isinstance(error, PyrovaeError) and not isinstance(error, DataError):
                raise
            raise self._other_arithmetic(where, f" ({first_line(error)})") from error
        header = self.header
        if found.shape != (chunk.count, *header.pair_shape) or chunk.decoded != decoded_digest(
            found, *header.as_given, start
        ):
            raise self._other_arithmetic(where)
        return found

    def _args_of(self, start: int, count: int) -> tuple[Any, ...]:
        rows = slice(start, start + count)
        return tuple(
            arg[rows] if isinstance(arg, Tensor) and arg.shape[:1] == (len(self),) else arg
            for arg in self._args
        )

    def _other_arithmetic(self, where: str, more: str = "") -> CompressionError:
        return CompressionError(
            f"{where}: the bytes are intact, and do not decode to the data that were compressed"
            f"{more}: the pair computes other last digits here. The file was made with "
            f"{in_words(self.header.made_with)}; here are {in_words(this_machine())}. Decode "
            "where these are the same"
        )

    def _check_pair(self) -> None:
        header, dtype = self.header, torch_dtype(self.header.dtype)
        args = rows_of_zeros(self._args, len(self))
        outputs = tuple(map(float.fromhex, header.outputs))
        made = Fingerprint(header.parameters, outputs)
        try:
            here = fingerprint(self._model, self._guide, header.pair_shape, dtype, args)
        except FAILURES as error:
            raise CompressionError(
                f"{self._name} holds data of shape {list(header.pair_shape)}, on which this pair "
                f"cannot be run ({first_line(error)}): give the pair that made it, and after the "
                "data what else it takes"
            ) from error
        if here.parameters != made.parameters:
            raise CompressionError(
                f"{self._name} was made with another model: parameters or buffers of this pair "
                "differ from those of the pair that compressed it; give that one, with the "
                "parameters that it had"
            )
        if not made.agrees_in_outputs(here.outputs):
            raise CompressionError(
                f"{self._name} was made with another model: this pair has the same parameters, "
                "and computes other densities with them; give networks of the same layers and "
                "activations, and the same likelihood"
            )


def _as_tensor(arg: Any) -> Any:  # noqa: ANN401
    return as_tensor("args", arg) if isinstance(arg, np.ndarray | np.generic) else arg
