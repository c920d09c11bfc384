"""From data to a compressed file, chunk by chunk."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import Tensor

from ...data import Rows, rows
from ...data.columns import Columns
from ...errors import CompressionError, ConfigError, DataError, ShapeError
from ...evaluate.inputs import Data, Inputs
from ...particles.modes import in_mode
from ...particles.tracing import Program
from ...runtime.progress import progress_bar
from .array_files import open_rows
from .bits_back import BitsBack
from .container import Chunk, ContainerWriter, stored_bytes
from .digests import digest
from .fingerprint import Fingerprint, fingerprint, rows_of_zeros
from .header import LARGEST_CHUNK, Header
from .levels import bytes_of, decoded_digest, digest_of, torch_dtype, type_of, whole_levels
from .machine import in_words, this_machine
from .options import DEFAULT_CHUNK
from .totals import Totals


@dataclass(frozen=True)
class Encoder:
    """Codes data with a pair.

    Args:
        model: Pyro model.
        guide: Pyro guide.
        data: See `Data`; arrays in .npy and .npz files are read chunk by chunk.
        args: What the pair takes after the data; each tensor with N rows is cut as they are.
        shape: See `CompressOptions`, as for the others.

    Raises:
        ConfigError: `chunk` is not positive, or such chunks would hold too many numbers.
        DataError: See `compress`.
    """

    model: Program
    guide: Program
    data: Data
    args: tuple[Any, ...] = ()
    shape: tuple[int, ...] | None = None
    chunk: int = DEFAULT_CHUNK
    rows: int = 64
    grid: float = 0.125
    seed: int = 0
    verify: bool = True
    columns: Columns | None = None
    progress: bool | None = None

    def __post_init__(self) -> None:
        if self.chunk < 1:
            raise ConfigError(f"chunk is {self.chunk}, and must be at least 1")
        self.inputs.check_count(self.model, self.guide)
        numbers = int(np.prod(self.given_shape))
        if numbers * self.chunk > LARGEST_CHUNK:
            raise ConfigError(
                f"chunk={self.chunk} data of {numbers:,} numbers are {numbers * self.chunk:,}, "
                f"and a chunk holds {LARGEST_CHUNK:,} at most; give "
                f"chunk={max(1, LARGEST_CHUNK // numbers)}"
            )
        if int(np.prod(self.pair_shape)) != numbers:
            raise ShapeError(
                f"shape={list(self.pair_shape)} holds other numbers than the data, of which each "
                f"is {list(self.given_shape)}"
            )

    @cached_property
    def inputs(self) -> Inputs:
        """The arguments of the pair for all data."""
        return Inputs.of(open_rows(self.data, self.columns), self.args)

    @cached_property
    def given_shape(self) -> tuple[int, ...]:
        """Of a datum as given."""
        return tuple(self.inputs.source[:1][0].shape[1:])

    @property
    def pair_shape(self) -> tuple[int, ...]:
        """Of a datum as the pair takes it."""
        return self.given_shape if self.shape is None else tuple(self.shape)

    @property
    def rows_of_the_pair(self) -> Rows:
        """The data in the shape in which the pair takes them."""
        return rows(
            self.inputs.source,
            transform=lambda x, *rest: (x.reshape(len(x), *self.pair_shape), *rest),
        )

    def write(self, file: BinaryIO) -> Totals:
        """Code all data into an empty file.

        Raises:
            CompressionError: What was coded does not decode to the same data here.
        """
        with in_mode("evaluation", self.model, self.guide):
            return self._write(file)

    def _write(self, file: BinaryIO) -> Totals:
        coder = BitsBack(
            self.model, self.guide, self.pair_shape, grid=self.grid, rows=self.rows, seed=self.seed
        )
        header = self._header()
        container, chunks = ContainerWriter(file, header), list[Chunk]()
        seconds = [0.0, 0.0]
        for start, levels, args in self._blocks():
            began = time.perf_counter()
            coded = coder.encode(levels, *args)
            seconds[0] += time.perf_counter() - began
            if self.verify:
                began = time.perf_counter()
                try:
                    found = coder.decode(coded.words, len(levels), *args)
                except DataError as error:
                    raise self._not_repeated(len(levels), start, header) from error
                self._check(found, levels, start, header)
                seconds[1] += time.perf_counter() - began
            stored = stored_bytes(coded.words)
            chunks.append(
                Chunk(
                    num_bytes=len(stored),
                    count=len(levels),
                    net_bits=float(coded.bits.sum()),
                    initial_bits=float(coded.initial_bits),
                    stored=digest(stored),
                    decoded=decoded_digest(levels, *header.as_given, start),
                    given=digest_of(*args),
                )
            )
            container.add(stored, chunks[-1])
        container.finish()
        count, numbers = self.inputs.num_data, header.numbers
        raw_bytes = count * numbers * bytes_of(header.dtype)
        net_bits = sum(chunk.net_bits for chunk in chunks)
        initial_bits = sum(chunk.initial_bits for chunk in chunks)
        return Totals(
            count, numbers, raw_bytes, container.num_bytes, net_bits, initial_bits, *seconds
        )

    def _blocks(self) -> Iterator[tuple[int, Tensor, tuple[Any, ...]]]:
        """Of each chunk the number of its first row, its levels and what comes after them."""
        count = self.inputs.num_data
        with progress_bar(count, "data", self.progress) as bar:
            for start in range(0, count, self.chunk):
                x, *args = self.inputs.rows(slice(start, min(start + self.chunk, count)))
                levels = whole_levels(x, start).reshape(len(x), *self.pair_shape)
                yield start, levels, tuple(args)
                bar.update(len(x))

    @property
    def _dtype(self) -> torch.dtype:
        """Of the data, as torch can compute with."""
        return torch_dtype(type_of(self.data, self.inputs.source)[0])

    @cached_property
    def fingerprint(self) -> Fingerprint:
        """Of the pair."""
        args = rows_of_zeros(self.inputs.rows(slice(0, 1))[1:], 1)
        return fingerprint(self.model, self.guide, self.pair_shape, self._dtype, args)

    def _header(self) -> Header:
        dtype, array = type_of(self.data, self.inputs.source)
        found = self.fingerprint
        return Header(
            shape=self.given_shape,
            pair_shape=self.pair_shape,
            dtype=dtype,
            array=array,
            chunk=int(self.chunk),
            rows=int(self.rows),
            grid=float(self.grid),
            seed=int(self.seed),
            parameters=found.parameters,
            outputs=tuple(value.hex() for value in found.outputs),
            made_with=this_machine(),
        )

    def _check(self, found: Tensor, levels: Tensor, start: int, header: Header) -> None:
        if found.shape == levels.shape and torch.equal(found.double().cpu(), levels):
            return
        raise self._not_repeated(len(levels), start, header)

    def _not_repeated(self, count: int, start: int, header: Header) -> CompressionError:
        return CompressionError(
            f"rows {start} to {start + count - 1} do not decode to the same data on this "
            f"machine ({in_words(header.made_with)}): the pair gives other numbers each time it "
            "is run; code with networks whose outputs repeat to the last bit"
        )
