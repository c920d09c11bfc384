"""Checksums."""

import hashlib

SIZE = 16
"""Bytes of a digest."""


def digest(*parts: bytes | memoryview) -> bytes:
    """BLAKE2b of some bytes.

    Example:
        >>> digest(b"ab") == digest(b"a", b"b")
        True
    """
    found = hashlib.blake2b(digest_size=SIZE)
    for part in parts:
        found.update(part)
    return found.digest()
