"""No damaged or forged file gives wrong data, and each is refused in one sentence."""

import io
import json

import numpy as np
import pytest
import torch

from pyrovae.apply import compress, decompress
from pyrovae.apply.compression import archive
from pyrovae.apply.compression.container import Container
from pyrovae.errors import CompressionError
from tests.apply.compression.small import Small, bits, forged, with_claimed_chunks

X = bits(5)


@pytest.fixture(scope="module")
def pair():
    return Small()


@pytest.fixture(scope="module")
def file(pair):
    return compress(pair, X, chunk=2)


@pytest.fixture
def quick(pair, file, monkeypatch):
    """The pair is the same for every damaged file, so that its fingerprint is taken once."""
    args = pair.model, pair.guide, (2, 3), torch.uint8
    known = archive.fingerprint(*args)
    monkeypatch.setattr(archive, "fingerprint", lambda *_: known)


def refused(pair, data):
    with pytest.raises(CompressionError) as caught:
        decompress(pair, data)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def never_wrong(pair, data):
    """A forged word may be one that decoding does not need."""
    try:
        found = decompress(pair, data)
    except CompressionError as error:
        assert "\n" not in str(error)
    else:
        np.testing.assert_array_equal(found, X)
        assert found.dtype == X.dtype


def test_every_byte_flipped(pair, file, quick):
    for place in range(len(file)):
        changed = bytearray(file)
        changed[place] ^= 0xFF
        refused(pair, bytes(changed))


def test_every_bit_of_header_index_and_end_flipped(pair, file, quick):
    held = Container(io.BytesIO(file), "honest")
    words = sum(chunk.num_bytes for chunk in held.chunks)
    first = file.index(held.words(0).tobytes())
    places = [*range(first), *range(first + words, len(file))]
    for place in places:
        for bit in range(8):
            changed = bytearray(file)
            changed[place] ^= 1 << bit
            refused(pair, bytes(changed))


def test_every_bit_of_a_chunk_flipped(pair, file, quick):
    held = Container(io.BytesIO(file), "honest")
    first = file.index(held.words(0).tobytes())
    for place in range(first, first + held.chunks[0].num_bytes):
        for bit in range(8):
            changed = bytearray(file)
            changed[place] ^= 1 << bit
            assert "chunk 0" in refused(pair, bytes(changed))


def test_truncated_at_every_length(pair, file, quick):
    for length in range(len(file)):
        refused(pair, file[:length])


@pytest.mark.parametrize("more", [b"\0", b"x" * 7, bytes(40), None])
def test_bytes_appended(pair, file, quick, more):
    refused(pair, file + (file if more is None else more))


def test_a_honest_copy_is_read(pair, file, quick):
    np.testing.assert_array_equal(decompress(pair, forged(file)), X)


@pytest.mark.parametrize("order", [(1, 0, 2), (0, 0, 2), (1, 2), (0, 2), (2,), (0, 1, 1, 2), ()])
def test_chunks_swapped_doubled_or_left_out(pair, file, quick, order):
    refused(pair, forged(file, order=order))


FORGED = [
    {"shape": (3, 2)}, {"pair_shape": (3, 2)}, {"pair_shape": (6,)}, {"shape": (2**60,)},
    {"shape": (2**13, 2**13)}, {"shape": (-1, -6)}, {"shape": (0,)}, {"shape": "23"},
    {"shape": (2.0, 3.0)}, {"shape": [[2, 3]]}, {"shape": [1] * 99}, {"shape": [True, 6]},
    {"dtype": "int8"}, {"dtype": "float32"}, {"dtype": "object"}, {"dtype": ["uint8"]},
    {"array": "torch"}, {"array": None}, {"chunk": 1}, {"chunk": 2**60}, {"chunk": 0},
    {"chunk": "2"}, {"chunk": True}, {"rows": 0}, {"rows": 2**70}, {"rows": 1e400},
    {"grid": -1.0}, {"grid": float("nan")}, {"grid": "x"}, {"seed": 1}, {"seed": -1},
    {"parameters": ""}, {"parameters": "00" * 16}, {"parameters": "x" * 10**5},
    {"outputs": ()}, {"outputs": ("nan",)}, {"outputs": ("0x1.8p+9999999",)}, {"outputs": (1,)},
    {"outputs": ("0x1p0",) * 5000}, {"made_with": {"torch": "\n"}}, {"made_with": []},
    {"unknown": 1},
]  # fmt: skip


@pytest.mark.parametrize("header", FORGED, ids=lambda h: f"{h}"[:40])
def test_forged_headers(pair, file, header):
    refused(pair, forged(file, header=header))


@pytest.mark.parametrize(
    "text", [b"{}", b"[]", b"7", b"\xff", b"", b"[" * 60_000, b'{"a":' * 10_000, b"9" * 5000]
)
def test_headers_of_other_text(pair, file, text):
    refused(pair, forged(file, text=text or b" "))


@pytest.mark.parametrize("change", [
    {"count": 2**32 - 1}, {"count": 0}, {"count": 1}, {"num_bytes": 2**63}, {"num_bytes": 0},
    {"decoded": bytes(16)}, {"given": bytes(16)}, {"stored": bytes(16)},
])  # fmt: skip
def test_forged_indices(pair, file, quick, change):
    refused(pair, forged(file, change=change))


@pytest.mark.parametrize("count", [2**60, 2**64 - 1, 0, 1, 4])
def test_a_forged_number_of_chunks_allocates_nothing(pair, file, quick, count):
    refused(pair, with_claimed_chunks(file, count))


@pytest.mark.parametrize("words", [
    lambda old: b"", lambda old: bytes(len(old)), lambda old: b"\xff" * len(old),
    lambda old: old[:-4], lambda old: old + bytes(4), lambda old: old[::-1],
    lambda old: old[:-1], lambda old: old[4:], lambda old: b"\xff\xff\xff\xff" + old[4:],
    lambda old: old[:4] + b"\xff\xff\xff\xff" + old[8:],
    lambda old: old[:8] + b"\xff\xff\xff\xff" + old[12:],
    lambda old: old[:12] + b"\xff\xff\xff\xff" + old[16:],
    lambda old: old[:16] + b"\xff\xff\xff\xff" + old[20:],
])  # fmt: skip
def test_forged_words(pair, file, quick, words):
    never_wrong(pair, forged(file, words=words))


def test_every_word_forged(pair, file, quick):
    size = Container(io.BytesIO(file), "honest").chunks[0].num_bytes
    for place in range(0, size, 4):
        for value in (b"\0\0\0\0", b"\xff\xff\xff\x7f"):
            never_wrong(
                pair,
                forged(file, words=lambda old, p=place, v=value: old[:p] + v + old[p + 4 :]),
            )


def test_where_the_arithmetic_differs_both_machines_are_named(pair, file, quick):
    held = json.loads(forged(file)[14:].split(b"}}")[0] + b"}}")
    other = {**held["made_with"], "torch": "9.9.9", "capability": "ALTIVEC"}
    told = refused(pair, forged(file, header={"made_with": other}, change={"decoded": bytes(16)}))
    assert "bytes are intact" in told
    assert "torch 9.9.9" in told and "ALTIVEC" in told
    assert f"torch {torch.__version__}" in told
