"""Arrays in .npy and .npz files, read and written block by block in the order of their rows."""

import zipfile
import zlib
from contextlib import AbstractContextManager, ExitStack
from os import PathLike
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

import numpy as np
import torch
from numpy.lib import format as npy_format
from torch import Tensor

from ...data import Rows, rows
from ...data.columns import Columns
from ...data.conversion import as_tensor
from ...data.files.npy import check_header, damaged
from ...data.rows import file_parts
from ...errors import ConfigError, DataError


def open_rows(data: Any, columns: Columns | None) -> Rows:  # noqa: ANN401
    """Rows of any kind of data; those of .npy and .npz files do not take memory.

    Raises:
        DataError: See `pyrovae.data.rows`.
    """
    if isinstance(data, str | PathLike):
        path = Path(data).expanduser()
        if path.is_file() and path.suffix.lower() in (".npy", ".npz"):
            found = _streamed(path, columns)
            if found is not None:
                return found
    return rows(data, columns=columns)


def _streamed(path: Path, columns: Columns | None) -> Rows | None:
    """None where an array does not lie in the order of its rows, or is scipy's."""
    if path.suffix.lower() == ".npy":
        array = _ArrayInFile(path, None)
        return StreamedRows([array]) if array.is_in_rows and columns in (None, 0) else None
    try:
        with zipfile.ZipFile(path) as archive:
            held = {n.removesuffix(".npy"): n for n in archive.namelist() if n.endswith(".npy")}
    except (OSError, zipfile.BadZipFile) as error:
        raise damaged(str(path), error) from error
    if {"format", "shape", "data"} <= held.keys():
        return None
    parts = file_parts(f"data ({path})", held, columns, "test")
    arrays = [_ArrayInFile(path, name) for _, name in parts]
    if not arrays or not all(array.is_in_rows for array in arrays):
        return None
    if len({len(array) for array in arrays}) > 1:
        raise DataError(
            f"{path}: the arrays {[name for name, _ in parts]} have "
            f"{[len(array) for array in arrays]} rows; give arrays of one length"
        )
    return StreamedRows(arrays, tuple(name for name, _ in parts))


class _ArrayInFile:
    """An array in a file, which is read forwards."""

    def __init__(self, path: Path, member: str | None) -> None:
        self._path, self._member = path, member
        self.where = str(path) if member is None else f"{path}: {member}"
        self._open: ExitStack | None = None
        self._file: IO[bytes] | None = None
        self._row = 0
        try:
            stream, size = self._start()
            self.shape, self.dtype = check_header(stream, self.where, size)
            stream, _ = self._start()
            version = npy_format.read_magic(stream)
            read = {1: npy_format.read_array_header_1_0, 2: npy_format.read_array_header_2_0}
            _, fortran, _ = read[version[0]](stream)
        except (OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
            raise damaged(self.where, error) from error
        self.is_in_rows = bool(self.shape) and not (fortran and len(self.shape) > 1)

    def __len__(self) -> int:
        return int(self.shape[0])

    def read(self, start: int, stop: int) -> np.ndarray:
        size = self.dtype.itemsize * int(np.prod(self.shape[1:], dtype=np.int64))
        if start < self._row or self._file is None:
            stream, total = self._start()
            check_header(stream, self.where, total)
        try:
            stream = cast(IO[bytes], self._file)
            stream.seek((start - self._row) * size, 1)
            content = stream.read((stop - start) * size)
        except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error) as error:
            raise damaged(self.where, error) from error
        if len(content) != (stop - start) * size:
            raise DataError(f"{self.where} ends before row {stop - 1}; write it again")
        self._row = stop
        return np.frombuffer(content, self.dtype).reshape(stop - start, *self.shape[1:])

    def _start(self) -> tuple[IO[bytes], int]:
        """The file at its beginning, and its size."""
        if self._open is not None:
            self._open.close()
        self._open, self._row = ExitStack(), 0
        if self._member is None:
            self._file = self._open.enter_context(self._path.open("rb"))
            return self._file, self._path.stat().st_size
        archive = self._open.enter_context(zipfile.ZipFile(self._path))
        self._file = self._open.enter_context(archive.open(self._member))
        return self._file, archive.getinfo(self._member).file_size

    def __del__(self) -> None:
        if getattr(self, "_open", None) is not None:
            cast(ExitStack, self._open).close()


class StreamedRows(Rows):
    """Rows of arrays in files, which are read when they are asked for.

    They are read fastest in their order: an earlier row in an .npz file is reached from the
    beginning of the file.
    """

    def __init__(self, arrays: list[_ArrayInFile], names: tuple[str, ...] = ()) -> None:
        self._arrays, self.names = arrays, names
        self.dtype = arrays[0].dtype
        for array in arrays:
            as_tensor(array.where, np.empty(0, array.dtype))  # the type is refused before a row
        if len(self) == 0:
            raise DataError(f"{arrays[0].where} is empty; give at least one datum")

    def __len__(self) -> int:
        return len(self._arrays[0])

    @property
    def width(self) -> int:
        """Number of arrays."""
        return len(self._arrays)

    def take(self, rows: slice | Tensor) -> tuple[Tensor, ...]:
        """See `Rows.take`."""
        if isinstance(rows, slice):
            return tuple(
                as_tensor(array.where, np.array(array.read(rows.start, rows.stop)))
                for array in self._arrays
            )
        parts = [self.take(slice(row, row + 1)) for row in rows.tolist()]
        return tuple(torch.cat(column) for column in zip(*parts, strict=True))


class ArrayWriter(AbstractContextManager["ArrayWriter"]):
    """Writes an array of known shape, block by block.

    Args:
        file: Open for writing.
        suffix: ".npy", or ".npz" for a compressed array of the name x.
        shape: Of the whole array.
        dtype: Of the array.

    Raises:
        ConfigError: The suffix is another.
    """

    def __init__(self, file: BinaryIO, suffix: str, shape: tuple[int, ...], dtype: str) -> None:
        if suffix not in (".npy", ".npz"):
            raise ConfigError(f"the data are written as .npy or .npz, and not as '{suffix}'")
        self._stack = ExitStack()
        self._stream: Any = file
        if suffix == ".npz":
            archive = self._stack.enter_context(
                zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, allowZip64=True)
            )
            self._stream = self._stack.enter_context(archive.open("x.npy", "w", force_zip64=True))
        about = npy_format.dtype_to_descr(np.dtype(dtype))
        npy_format.write_array_header_1_0(
            self._stream, {"descr": about, "fortran_order": False, "shape": shape}
        )

    def add(self, block: np.ndarray) -> None:
        """Write the next rows."""
        self._stream.write(np.ascontiguousarray(block).tobytes())

    def __exit__(self, *error: object) -> None:
        self._stack.close()
