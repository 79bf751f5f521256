"""How bytes lie in the store: a byte for the codec, four for the length, then the payload.

The codec is no part of a blob's name. Measured per core on columns of 64 Ki values (ids, amounts, decimals, states,
mail addresses, timestamps, uuids; 96 MB): zstd-1 keeps 39 % at 670 MB/s and reads at 620, zstd-3 36 % at 230 and 890,
lz4 63 % at 1,170 and 2,840. Numbers are narrowed first: on 64-bit ids zstd-1 then takes a quarter of the time, and less
than half of it to read. Blobs that are not tables go through zlib, which needs no pyarrow.
"""

from __future__ import annotations

import struct
import zlib
from enum import IntEnum
from typing import Any

from fftcas.store.numbers import narrowed, widened
from fftcas.store.shape import Shape

MAX_BLOB = 1 << 30
"""Bytes of the largest blob; LMDB's own limit is 2 GiB."""


class Codec(IntEnum):
    RAW = 0
    ZSTD = 1
    ZLIB = 2
    NUMBERS = 5
    """ZSTD of narrowed words, their shape before it; `pack` chooses it where ZSTD is asked for."""
    NUMBERS_1, NUMBERS_2 = 3, 4
    """As NUMBERS, with earlier forms of the shape; they are only read."""


class UnknownCodec(ValueError):
    """A frame of a newer version: it may well be whole."""


_HEAD = struct.Struct("<BI")
_WORTH = 0.95  # of the raw size: above it, the time to read is worth more than the space


def pack(data: Any, codec: Codec) -> bytes:
    """A frame around `data` (any buffer), compressed if that pays."""
    raw = memoryview(data)
    shape, content = (narrowed(raw) if codec == Codec.ZSTD else None) or (None, raw)
    payload = _compress(content, codec) if raw.nbytes > 64 else None
    if payload is None or len(payload) > raw.nbytes * _WORTH:
        return b"".join((_HEAD.pack(Codec.RAW, raw.nbytes), raw))
    if shape is not None:
        return b"".join((_HEAD.pack(Codec.NUMBERS, raw.nbytes), shape.pack(), payload))
    return b"".join((_HEAD.pack(codec, raw.nbytes), payload))


def unpack(frame: bytes | memoryview) -> Any:
    """The buffer in a frame. Raises ValueError if it is none, UnknownCodec if it may be one of a newer version.

    Allocates at most three times its size.
    """
    try:
        codec, size = _HEAD.unpack_from(frame)
    except struct.error as error:
        raise ValueError("it is too short") from error
    payload = memoryview(frame)[_HEAD.size :]
    if size > MAX_BLOB:
        raise ValueError(f"it declares {size} bytes")
    if codec == Codec.RAW:
        data: Any = payload
    elif codec == Codec.ZLIB:
        data = _inflate(payload, size)
    elif codec == Codec.ZSTD:
        data = _decompress(payload, size)
    elif codec in (Codec.NUMBERS_1, Codec.NUMBERS_2, Codec.NUMBERS):
        shape, payload = Shape.unpack(payload, form=codec - Codec.NUMBERS_1 + 1)
        data = widened(shape, _decompress(payload, shape.narrow_size(size)), size)
    else:
        raise UnknownCodec(f"its codec is {codec}, which only a newer fftcas can know")
    if len(data) != size:
        raise ValueError(f"it holds {len(data)} bytes and declares {size}")
    return data


def raw_size(frame: bytes | memoryview) -> int:
    """The length that a frame declares. Raises ValueError."""
    try:
        return int(_HEAD.unpack_from(frame)[1])
    except struct.error as error:
        raise ValueError("it is too short") from error


def _compress(data: Any, codec: Codec) -> Any:
    if codec == Codec.ZLIB:
        sample = data[: 1 << 16]
        return zlib.compress(data, 1) if len(zlib.compress(sample, 1)) < sample.nbytes * _WORTH else None
    if codec == Codec.ZSTD:
        import pyarrow as pa

        return pa.Codec("zstd", 1).compress(data)
    return None


def _inflate(payload: memoryview, size: int) -> bytes:
    try:
        return zlib.decompressobj().decompress(payload, size + 1)
    except zlib.error as error:
        raise ValueError(str(error)) from error


def _decompress(payload: memoryview, size: int) -> Any:
    import pyarrow as pa

    try:
        return pa.Codec("zstd").decompress(payload, size)
    except (pa.ArrowException, OSError) as error:
        raise ValueError(str(error)) from error
