"""The file format of compressed data: how it is written, and what is checked before it is used.

    magic (8 bytes), version u16, length of the header u32
    header: JSON, what `Header` holds
    digest of all before it (16 bytes)
    the chunks, one after the other: 32-bit words
    index: a `Chunk` each
    end: number of chunks u64, digest of the header's digest and the index (16 bytes), magic

Numbers are little-endian, digests BLAKE2b. The index stands behind the chunks, so that a file is
written in one pass. Every byte is under a digest, and every length is checked against the size of
the file before anything of that length is read.
"""

import struct
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from ...errors import CompressionError
from .digests import SIZE, digest
from .header import Header

VERSION = 1
_MAGIC = b"\x89PVAE\r\n\x1a"  # as that of PNG, it does not survive a transfer as text
_END_MAGIC = b"PVAE\r\nEN"
_START = struct.Struct("<8sHI")
_CHUNK = struct.Struct("<QIdd16s16s16s")
_END = struct.Struct("<Q16s8s")
_LARGEST_HEADER = 2**16


@dataclass(frozen=True)
class Chunk:
    """An entry of the index: data that are decoded by themselves.

    Attributes:
        num_bytes: Of its words.
        count: Data in it.
        net_bits: What coding them added, summed over the data.
        initial_bits: What was put in to have something to draw the first latents from.
        stored: Digest of its words.
        decoded: Digest of its data.
        given: Digest of what the pair was given besides the data.
    """

    num_bytes: int
    count: int
    net_bits: float
    initial_bits: float
    stored: bytes
    decoded: bytes
    given: bytes

    def pack(self) -> bytes:
        """Its bytes in the file."""
        return _CHUNK.pack(
            self.num_bytes, self.count, self.net_bits, self.initial_bits,
            self.stored, self.decoded, self.given,
        )  # fmt: skip


class ContainerWriter:
    """Writes a file from its beginning to its end.

    Args:
        file: Empty, and open for writing.
        header: What is written first.
    """

    def __init__(self, file: BinaryIO, header: Header) -> None:
        self._file, self._chunks = file, list[Chunk]()
        text = header.to_json()
        start = _START.pack(_MAGIC, VERSION, len(text)) + text
        self._digest = digest(start)
        file.write(start + self._digest)
        self.num_bytes = len(start) + SIZE

    def add(self, stored: bytes, chunk: Chunk) -> None:
        """Write a chunk, whose words are these bytes."""
        self._file.write(stored)
        self._chunks.append(chunk)
        self.num_bytes += chunk.num_bytes

    def finish(self) -> None:
        """Write index and end, without which the file is refused."""
        index = b"".join(chunk.pack() for chunk in self._chunks)
        end = _END.pack(len(self._chunks), digest(self._digest, index), _END_MAGIC)
        self._file.write(index + end)
        self.num_bytes += len(index) + len(end)


def stored_bytes(words: np.ndarray) -> bytes:
    """The bytes of 32-bit words in the file."""
    return np.ascontiguousarray(words, "<u4").tobytes()


class Container:
    """A file whose header and index are whole.

    Args:
        file: Open for reading and seekable.
        name: What errors call it.

    Attributes:
        header: Its header.
        chunks: Its index.
        num_bytes: Its size.

    Raises:
        CompressionError: It is no such file, of another version, truncated or changed.
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file, self._name = file, name
        self.num_bytes = file.seek(0, 2)
        magic, version, length = _START.unpack(self._read(0, _START.size))
        if magic != _MAGIC:
            raise CompressionError(f"{name} was not written by `compress`: give one that was")
        if version != VERSION:
            raise CompressionError(
                f"{name} is of format version {version}, and this pyrovae reads version "
                f"{VERSION}: it is damaged, or needs another version of pyrovae"
            )
        if length > _LARGEST_HEADER:
            raise self._damaged(f"its header would have {length:,} bytes")
        start = self._read(0, _START.size + length)
        own = self._read(len(start), SIZE)
        if digest(start) != own:
            raise self._damaged("its header does not match its checksum")
        self._first = len(start) + SIZE
        self.chunks = self._index(own)
        self.header = Header.from_json(start[_START.size :], name)
        self._check_counts()
        sizes = [0, *(chunk.num_bytes for chunk in self.chunks)]
        self._offsets = np.cumsum(sizes, dtype=np.int64) + self._first

    def __len__(self) -> int:
        """Number of data."""
        return sum(chunk.count for chunk in self.chunks)

    def words(self, place: int) -> np.ndarray:
        """The words of a chunk, checked.

        Raises:
            CompressionError: They do not match their digest.
        """
        chunk = self.chunks[place]
        stored = self._read(int(self._offsets[place]), chunk.num_bytes)
        if digest(stored) != chunk.stored:
            raise self._damaged(f"its chunk {place} does not match its checksum")
        return np.frombuffer(stored, "<u4").astype(np.uint32)

    def _index(self, header_digest: bytes) -> list[Chunk]:
        place = self.num_bytes - _END.size
        if place < self._first:
            raise self._damaged("it ends before its index")
        num_chunks, own, magic = _END.unpack(self._read(place, _END.size))
        size = num_chunks * _CHUNK.size
        if magic != _END_MAGIC or size > place - self._first:
            raise self._damaged("its end is missing")
        index = self._read(place - size, size)
        if digest(header_digest, index) != own:
            raise self._damaged("its index does not match its checksum")
        chunks = [Chunk(*found) for found in _CHUNK.iter_unpack(index)]
        if sum(chunk.num_bytes for chunk in chunks) != place - size - self._first:
            raise self._damaged("its chunks are not as long as its index says")
        return chunks

    def _check_counts(self) -> None:
        """Refuse an index that an honest writer does not write."""
        each = self.header.chunk
        counts = [chunk.count for chunk in self.chunks]
        full, last = counts[:-1], counts[-1:] or [0]
        if not 1 <= last[0] <= each or any(count != each for count in full):
            raise self._damaged(f"its chunks do not hold {each} data each")
        if any(chunk.num_bytes % 4 for chunk in self.chunks):
            raise self._damaged("its chunks are not whole words")

    def _read(self, place: int, size: int) -> bytes:
        self._file.seek(place)
        found = self._file.read(size) if place + size <= self.num_bytes else b""
        if len(found) != size:
            raise self._damaged(f"it has {self.num_bytes:,} bytes, and more were written")
        return found

    def _damaged(self, why: str) -> CompressionError:
        return CompressionError(f"{self._name} is truncated or damaged: {why}; get it again")
