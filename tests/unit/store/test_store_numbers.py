"""Narrowed numbers: every byte comes back, whatever it meant, and damage is told."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from fftcas.store.chunks import ROWS, encode
from fftcas.store.frame import Codec, pack, raw_size, unpack
from fftcas.store.numbers import LEAST, Shape, narrowed

DRAW = np.random.default_rng(7)
NUMBERS: dict[str, Callable[[], object]] = {
    "one value": lambda: np.full(ROWS, 7),
    "counted": lambda: np.arange(ROWS) + (1 << 60),
    "counted down": lambda: -np.arange(ROWS),
    "few": lambda: DRAW.integers(-5, 250, ROWS),
    "two bytes": lambda: DRAW.integers(-40_000, -20_000, ROWS),
    "four bytes": lambda: DRAW.integers(0, 1 << 32, ROWS, dtype=np.int64),
    "five bytes": lambda: DRAW.integers(0, 1 << 33, ROWS, dtype=np.int64),
    "steps of milliseconds": lambda: np.cumsum(DRAW.integers(0, 1000, ROWS)) * 1000 + 1_700_000_000_000_000,
    "the ends of the range": lambda: np.array([-(1 << 63), (1 << 63) - 1] * (ROWS // 2)),
    "one far away": lambda: np.append(np.zeros(ROWS - 1, np.int64), 1 << 62),
    "32 bits": lambda: DRAW.integers(-100, 100, ROWS, dtype=np.int32),
    "32 bits, the ends": lambda: np.array([-(1 << 31), (1 << 31) - 1] * (ROWS // 2), np.int32),
    "32 bits, near one end": lambda: np.full(ROWS, -(1 << 31), np.int32),
    "unsigned": lambda: DRAW.integers((1 << 64) - 9, (1 << 64) - 1, ROWS, dtype=np.uint64),
    "floats": lambda: DRAW.random(ROWS),
    "an odd count": lambda: np.arange(ROWS // 2 + 1, dtype=np.int32),
    "decimals": lambda: pa.array(DRAW.integers(-50_000, 50_000, ROWS)).cast(pa.decimal128(19)),
    "decimals with nulls": lambda: pa.array([None if i % 3 else i for i in range(ROWS)]).cast(pa.decimal128(19)),
    "decimals of eight bytes": lambda: pa.array(DRAW.integers(-(1 << 62), 1 << 62, ROWS)).cast(pa.decimal128(19)),
    "decimals of nine bytes": lambda: pa.array([Decimal(2**63 + i % 3) for i in range(ROWS)], pa.decimal128(38)),
    "one decimal of nine bytes": lambda: pa.array([Decimal(0)] * (ROWS - 1) + [Decimal(2**63)], pa.decimal128(38)),
    "counted decimals": lambda: pa.array(np.arange(ROWS) + (1 << 60)).cast(pa.decimal128(19)),
    "decimals with a bit above": lambda: pa.array([Decimal(2**64 + 2**62)] * ROWS, pa.decimal128(38)),
    "above the least": lambda: np.arange(ROWS) % 256 + 100,
    "decimals above the least": lambda: pa.array(np.arange(ROWS) % 256 + 100).cast(pa.decimal128(19)),
    "zeros": lambda: np.zeros(ROWS, np.int64),
    "minus one": lambda: np.full(ROWS, -1),
    "nulls": lambda: [None if i % 3 else i % 60_000 for i in range(ROWS)],
    "texts": lambda: [f"user{i}" for i in range(ROWS)],
    "as long as can be": lambda: ["x" * 17] * ROWS,
    "bytes": lambda: [bytes(9)] * ROWS,
}


@pytest.mark.parametrize("name", NUMBERS)
def test_all_bytes_come_back(name: str) -> None:
    array = pa.array(NUMBERS[name]())
    data = bytes(encode(array, pa.field("x", array.type)))
    for raw in (data, data[:-8], data[: LEAST + 8], data[:LEAST], data[: LEAST - 1]):
        frame = pack(raw, Codec.ZSTD)
        assert raw_size(frame) == len(raw)
        assert bytes(unpack(frame)) == raw


@pytest.mark.parametrize(
    ("name", "wide", "narrow", "steps"),
    [
        ("one value", 8, 1, False),
        ("counted", 8, 1, True),
        ("counted down", 8, 1, True),
        ("few", 8, 1, False),
        ("two bytes", 8, 2, False),
        ("four bytes", 8, 4, False),
        ("steps of milliseconds", 8, 4, True),
        ("the ends of the range", 8, 1, True),  # steps go round at the ends
        ("32 bits", 4, 1, False),
        ("nulls", 8, 2, False),
        ("decimals", 16, 4, False),
        ("decimals with nulls", 16, 4, False),
        ("decimals of eight bytes", 16, 8, False),
        ("counted decimals", 16, 1, True),
    ],
)
def test_the_fewest_bytes_are_found(name: str, wide: int, narrow: int, steps: bool) -> None:
    array = pa.array(NUMBERS[name]())
    data = encode(array, pa.field("x", array.type))
    made = narrowed(memoryview(data))
    assert made is not None
    shape, packed = made
    assert (shape.wide, shape.narrow, shape.steps) == (wide, narrow, steps)
    assert len(packed) == shape.narrow_size(data.size)
    assert pack(data, Codec.ZSTD)[0] == Codec.NUMBERS


@pytest.mark.parametrize("name", ["floats", "five bytes", "texts", "decimals of nine bytes"])
def test_what_needs_its_bytes_keeps_them(name: str) -> None:
    array = pa.array(NUMBERS[name]())
    assert narrowed(memoryview(encode(array, pa.field("x", array.type)))) is None


@pytest.mark.parametrize("name", ["counted", "decimals", "decimals of eight bytes"])
def test_damaged_frames_are_errors_or_other_bytes(name: str) -> None:
    array = pa.array(NUMBERS[name]())
    data = bytes(encode(array, pa.field("x", array.type)))
    frame = pack(data, Codec.ZSTD)
    draw = random.Random(1)
    places = [*range(40), *(draw.randrange(len(frame)) for _ in range(100))]
    for place in places:
        for bad in (frame[:place], frame[:place] + bytes([frame[place] ^ 1 << draw.randrange(8)]) + frame[place + 1 :]):
            with suppress(ValueError):
                assert len(unpack(bad)) == raw_size(bad)


@pytest.mark.parametrize("shape", [(3, 1, 0), (4, 8, 0), (8, 8, 0), (8, 0, 0), (16, 16, 0), (4, 1, 1 << 31)])
def test_shapes_that_cannot_be_are_refused(shape: tuple[int, int, int]) -> None:
    wide, narrow, least = shape
    with pytest.raises(ValueError, match="shape"):
        Shape.unpack(memoryview(Shape(wide, narrow, False, least).pack()), old=False)


@pytest.mark.parametrize("steps", [False, True])
@pytest.mark.parametrize("least", [0, -1, (1 << 63) - 1, -(1 << 63)])
@pytest.mark.parametrize(("wide", "narrow"), [(16, 8), (16, 4), (16, 1), (8, 4), (4, 2)])
def test_whatever_shapes_mean_is_read(wide: int, narrow: int, least: int, steps: bool) -> None:
    """Others may write shapes that nobody here does: they give some bytes, of the length that was declared."""
    shape = Shape(wide, narrow, steps, least >> 8 * (8 - min(wide, 8)), 24)
    payload = pa.Codec("zstd", 1).compress(DRAW.bytes(shape.narrow_size(4096)), asbytes=True)
    assert len(unpack(struct.pack("<BI", Codec.NUMBERS, 4096) + shape.pack() + payload)) == 4096


@pytest.mark.parametrize(("wide", "head"), [(8, 0), (8, 4), (8, 1 << 31), (16, 8)])
def test_heads_that_cannot_be_are_refused(wide: int, head: int) -> None:
    frame = struct.pack("<BI", Codec.NUMBERS, 1 << 20) + Shape(wide, 1, False, 0, head).pack()
    with pytest.raises(ValueError, match=r"shape|not narrowed"):
        unpack(frame)


@pytest.mark.parametrize("steps", [False, True])
def test_frames_that_do_not_say_where_the_words_begin_are_read(steps: bool) -> None:
    raw = np.arange(1 << 14, dtype="<i8") + 1000
    head, tail = raw[: (9 << 10) // 8], raw[-1:]
    words = raw[len(head) : -1]
    least = 1 if steps else int(words[0])
    narrow = (np.zeros(len(words)) if steps else words - least).astype("<u2")
    payload = pa.Codec("zstd", 1).compress(head.tobytes() + narrow.tobytes() + tail.tobytes(), asbytes=True)
    frame = struct.pack("<BI", Codec.OLD_NUMBERS, raw.nbytes) + struct.pack("<BB?q", 8, 2, steps, least) + payload
    assert bytes(unpack(frame)) == raw.tobytes()


def test_sizes_that_cannot_be_are_refused() -> None:
    for size in (0, 9 << 10, (9 << 10) + 12):
        with pytest.raises(ValueError, match="not narrowed"):
            Shape(8, 1, False, 0).narrow_size(size)
