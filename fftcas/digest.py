"""Digests: blake3 over bytes, and over values in one canonical, typed, domain-separated encoding.

A value is encoded as JSON in its one shortest form: keys sorted, no white space, text as it is in UTF-8. `1`, `1.0`,
`"1"` and `true` differ, so two different values never encode alike. `tests/unit/test_digest.py` holds golden vectors.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from blake3 import blake3

Value: TypeAlias = "None | bool | int | float | str | Sequence[Value] | Mapping[str, Value]"

Digest: TypeAlias = str
"""64 lower-case hexadecimal digits of a 256-bit blake3 hash."""


def digest_bytes(data: bytes | memoryview) -> Digest:
    """The name of a blob: blake3 of its bytes."""
    return blake3(data).hexdigest()


def digest_file(path: Path) -> Digest:
    """blake3 of a file's bytes. Raises OSError."""
    hasher = blake3()
    with path.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            hasher.update(chunk)
    return hasher.hexdigest()


def digest_value(context: str, value: Value) -> Digest:
    """blake3 of a value's canonical encoding, in the key space `context` (one per kind of object).

    Raises TypeError for a value of another type.
    """
    return blake3(encode(value), derive_key_context=f"fftcas {context}").hexdigest()


def encode(value: Value) -> bytes:
    """Canonical bytes of a value. Raises TypeError for a value of another type."""
    return _ENCODER.encode(value).encode("utf-8", "surrogatepass")


def _other(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"no canonical encoding for {type(value).__name__}")


# Without the look-out for circles, which no value has: they would end in a RecursionError.
_ENCODER = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, check_circular=False, default=_other
)
