"""Digests: blake3 over bytes, and over values in one canonical, typed, domain-separated encoding.

The encoding of a value starts with a tag byte for its type; strings, bytes and containers carry their
length, and mappings are sorted by the UTF-8 bytes of their keys. Two different values never encode alike,
so two different values never share a digest. `tests/unit/test_digest.py` holds golden vectors.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from blake3 import blake3

Value: TypeAlias = "None | bool | int | float | str | bytes | Sequence[Value] | Mapping[str, Value]"

Digest: TypeAlias = str
"""64 lower-case hexadecimal digits of a 256-bit blake3 hash."""


def digest_bytes(data: bytes | memoryview) -> Digest:
    """The name of a blob: blake3 of its bytes."""
    return blake3(data).hexdigest()


def digest_value(context: str, value: Value) -> Digest:
    """blake3 of a value's canonical encoding, in the key space `context` (one per kind of object).

    Raises TypeError for a value of another type.
    """
    return blake3(encode(value), derive_key_context=f"fftcas {context}").hexdigest()


def encode(value: Value) -> bytes:
    """Canonical bytes of a value. Raises TypeError for a value of another type."""
    out = bytearray()
    _encode(value, out)
    return bytes(out)


def _encode(value: Value, out: bytearray) -> None:
    if value is None:
        out += b"n"
    elif value is True:
        out += b"t"
    elif value is False:
        out += b"f"
    elif isinstance(value, int):
        _sized(b"i", str(value).encode(), out)
    elif isinstance(value, float):
        out += b"d" + struct.pack(">d", value)
    elif isinstance(value, str):
        _sized(b"s", value.encode("utf-8", "surrogatepass"), out)
    elif isinstance(value, bytes):
        _sized(b"b", value, out)
    elif isinstance(value, Mapping):
        out += b"m" + struct.pack(">Q", len(value))
        for key in sorted(value, key=lambda text: text.encode("utf-8", "surrogatepass")):
            _encode(key, out)
            _encode(value[key], out)
    elif isinstance(value, Sequence):
        out += b"l" + struct.pack(">Q", len(value))
        for item in value:
            _encode(item, out)
    else:
        raise TypeError(f"no canonical encoding for {type(value).__name__}")


def _sized(tag: bytes, data: bytes, out: bytearray) -> None:
    out += tag + struct.pack(">Q", len(data)) + data
