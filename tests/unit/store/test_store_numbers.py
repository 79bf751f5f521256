"""Narrowed numbers: every byte comes back, whatever it meant, and damage is told."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from itertools import product

import numpy as np
import pyarrow as pa
import pytest

from fftcas.store.chunks import ROWS, encode
from fftcas.store.frame import Codec, pack, raw_size, unpack
from fftcas.store.numbers import LEAST, narrowed
from fftcas.store.shape import WHOLE, Shape

DRAW = np.random.default_rng(7)
NUMBERS: dict[str, Callable[[], object]] = {
    "one value": lambda: np.full(ROWS, 7),
    "counted": lambda: np.arange(ROWS) + (1 << 60),
    "counted down": lambda: -np.arange(ROWS),
    "few": lambda: DRAW.integers(-5, 250, ROWS),
    "three bytes": lambda: DRAW.integers(-5_000_000, 5_000_000, ROWS),
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
    "32 bits, three bytes": lambda: DRAW.integers(0, 1 << 24, ROWS, dtype=np.int32),
    "floats": lambda: DRAW.random(ROWS),
    "prices": lambda: DRAW.integers(-100_000, 1_000_000, ROWS) / 100,
    "prices with nulls": lambda: [None if i % 3 else i / 100 for i in range(ROWS)],
    "large prices": lambda: (DRAW.integers(0, 1 << 32, ROWS) + 100_000_000_000) / 100,
    "whole floats": lambda: DRAW.integers(0, 50_000, ROWS).astype(float),
    "millionths": lambda: DRAW.integers(0, 1 << 20, ROWS) / 1e6,
    "prices and less": lambda: np.append(np.tile([0.25, 0.125], ROWS // 2 - 1), [0.75, 7]),
    "prices that grow": lambda: np.arange(ROWS) / 100,
    "whole floats and less": lambda: np.append(np.arange(ROWS) % 7.0, 0.5),
    "far prices": lambda: DRAW.integers(0, 1 << 24, ROWS) / 100 + 10_000_000_000,
    "too large for prices": lambda: DRAW.integers(1 << 62, (1 << 62) + (1 << 30), ROWS) / 100,
    "prices and a third": lambda: np.append(DRAW.integers(0, 1_000, ROWS - 1) / 100, 1 / 3),
    "prices below zero": lambda: np.append(DRAW.integers(0, 1_000, ROWS - 1) / 100, -0.0),
    "prices and none": lambda: np.append(DRAW.integers(0, 1_000, ROWS - 1) / 100, np.nan),
    "prices without end": lambda: np.append(DRAW.integers(0, 1_000, ROWS - 1) / 100, np.inf),
    "floats of four bytes": lambda: (DRAW.integers(0, 1_000, ROWS) / 100).astype(np.float32),
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
    "texts with nulls": lambda: [None if i % 3 else f"user{i}" for i in range(ROWS)],
    "large texts": lambda: pa.array([f"user{i}" for i in range(ROWS)], pa.large_string()),
    "longer texts": lambda: ["x" * (i % 999) for i in range(ROWS // 64)] + [f"user{i}" for i in range(ROWS // 2)],
    "one text too long": lambda: [str(i) for i in range(ROWS // 2)] + ["x" * (1 << 16)] + ["y"] * (ROWS // 4),
    "one text of 50,000": lambda: [str(i) for i in range(ROWS // 2)] + ["x" * 50_000] + ["y"] * (ROWS // 4),
    "few texts": lambda: [DRAW.bytes(99).hex() for _ in range(5000)],
    "random bytes": lambda: [DRAW.bytes(100) for _ in range(18_000)],
    "long texts": lambda: [DRAW.bytes(1 << 15).hex() for _ in range(20)],
    "lists": lambda: [[i / 3, i / 7] for i in range(ROWS // 4)],
    "as long as can be": lambda: ["x" * 17] * ROWS,
    "bytes": lambda: [bytes(9)] * ROWS,
}


@pytest.mark.parametrize("name", NUMBERS)
def test_all_bytes_come_back(name: str) -> None:
    array = pa.array(NUMBERS[name]())
    data = bytes(encode(array, pa.field("x", array.type)))
    for raw in (data, data[:-3], data[:-4], data[:-8], data[: LEAST + 8], data[:LEAST], data[: LEAST - 1]):
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
        ("three bytes", 8, 3, False),
        ("32 bits, three bytes", 4, 3, False),
        ("four bytes", 8, 4, False),
        ("steps of milliseconds", 8, 3, True),
        ("the ends of the range", 8, 1, True),  # steps go round at the ends
        ("32 bits", 4, 1, False),
        ("nulls", 8, 2, False),
        ("decimals", 16, 3, False),
        ("decimals with nulls", 16, 3, False),
        ("decimals of eight bytes", 16, 8, False),
        ("counted decimals", 16, 1, True),
        ("prices", 8, 3, False),
        ("prices with nulls", 8, 3, False),
        ("large prices", 8, 4, False),
        ("whole floats", 8, 2, False),
        ("texts", 4, 1, True),
        ("texts with nulls", 4, 1, True),
        ("large texts", 8, 1, True),
        ("longer texts", 4, 2, True),
        ("one text too long", 4, 1, True),
        ("one text of 50,000", 4, 2, True),
        ("far prices", 8, 3, False),
        ("prices that grow", 8, 3, False),
        ("lists", 4, 1, True),
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


@pytest.mark.parametrize(
    ("name", "digits"),
    [
        ("prices", 2),
        ("large prices", 2),
        ("whole floats", 0),
        ("millionths", 6),
        ("prices and less", 3),
        ("few", WHOLE),
    ],
)
def test_floats_are_whole_numbers_where_they_can_be(name: str, digits: int) -> None:
    array = pa.array(NUMBERS[name]())
    made = narrowed(memoryview(encode(array, pa.field("x", array.type))))
    assert made is not None
    assert made[0].digits == digits


def test_what_gains_little_is_not_compressed() -> None:
    array = pa.array(NUMBERS["random bytes"]())
    data = encode(array, pa.field("x", array.type))
    assert narrowed(memoryview(data)) is not None
    assert pack(data, Codec.ZSTD)[0] == Codec.RAW


def test_texts_stay_as_they_are_behind_the_places_where_they_begin() -> None:
    array = pa.array(NUMBERS["texts"]())
    data = encode(array, pa.field("x", array.type))
    made = narrowed(memoryview(data))
    assert made is not None
    shape, packed = made
    texts = "".join(array.to_pylist()).encode()
    assert texts in bytes(packed)[-shape.tail :]
    assert shape.tail < len(texts) + 4096
    assert len(packed) < data.size - 3 * ROWS + 4096


@pytest.mark.parametrize(
    "name",
    [
        "floats",
        "five bytes",
        "decimals of nine bytes",
        "prices and a third",
        "whole floats and less",
        "few texts",
        "prices below zero",
        "prices and none",
        "prices without end",
        "floats of four bytes",
        "long texts",
    ],
)
def test_what_needs_its_bytes_keeps_them(name: str) -> None:
    array = pa.array(NUMBERS[name]())
    assert narrowed(memoryview(encode(array, pa.field("x", array.type)))) is None


@pytest.mark.parametrize("name", ["counted", "three bytes", "prices", "texts", "decimals", "decimals of eight bytes"])
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


@pytest.mark.parametrize(
    "shape",
    [
        Shape(0, 1, False, 0),
        Shape(3, 1, False, 0),
        Shape(4, 8, False, 0),
        Shape(4, 4, False, 0),
        Shape(8, 8, False, 0),
        Shape(8, 0, False, 0),
        Shape(8, 5, False, 0),
        Shape(16, 16, False, 0),
        Shape(4, 1, False, 1 << 31),
        Shape(8, 1, False, 0, tail=7),
        Shape(8, 1, False, 0, digits=-2),
        Shape(8, 1, False, 0, digits=16),
        Shape(8, 1, True, 0, digits=2),
        Shape(4, 1, False, 0, digits=2),
        Shape(16, 1, False, 0, digits=2),
    ],
)
def test_shapes_that_cannot_be_are_refused(shape: Shape) -> None:
    with pytest.raises(ValueError, match="shape"):
        Shape.unpack(memoryview(shape.pack()))


def test_shapes_of_three_bytes_were_not_written_before() -> None:
    with pytest.raises(ValueError, match="shape"):
        Shape.unpack(memoryview(struct.pack("<BB?qI", 8, 3, False, 0, 1024)), form=2)


@pytest.mark.parametrize(
    ("wide", "narrow", "steps", "digits"),
    [
        *product((16,), (1, 3, 4, 8), (False, True), (WHOLE,)),
        *product((8,), (1, 3, 4), (False, True), (WHOLE,)),
        *product((8,), (1, 3, 4), (False,), (0, 15)),
        *product((4,), (2, 3), (False, True), (WHOLE,)),
    ],
)
@pytest.mark.parametrize("least", [0, -1, (1 << 63) - 1, -(1 << 63)])
@pytest.mark.parametrize("tail", [8, 1000])
def test_whatever_shapes_mean_is_read(wide: int, narrow: int, steps: bool, digits: int, least: int, tail: int) -> None:
    """Others may write shapes that nobody here does: they give some bytes, of the length that was declared."""
    size = 24 + 64 * wide + tail
    shape = Shape(wide, narrow, steps, least >> 8 * (8 - min(wide, 8)), 24, tail, digits)
    payload = pa.Codec("zstd", 1).compress(DRAW.bytes(shape.narrow_size(size)), asbytes=True)
    assert len(unpack(struct.pack("<BI", Codec.NUMBERS, size) + shape.pack() + payload)) == size


@pytest.mark.parametrize(("wide", "head"), [(8, 0), (8, 4), (8, 12), (8, 1 << 31), (16, 8)])
def test_heads_that_cannot_be_are_refused(wide: int, head: int) -> None:
    frame = struct.pack("<BI", Codec.NUMBERS, 1 << 20) + Shape(wide, 1, False, 0, head).pack()
    with pytest.raises(ValueError, match=r"shape|not narrowed"):
        unpack(frame)


def frame(codec: Codec, size: int, shape: bytes, *content: np.ndarray) -> bytes:
    payload: bytes = pa.Codec("zstd", 1).compress(b"".join(part.tobytes() for part in content), asbytes=True)
    return struct.pack("<BI", codec, size) + shape + payload


@pytest.mark.parametrize("steps", [False, True])
def test_frames_that_do_not_say_where_the_words_begin_are_read(steps: bool) -> None:
    raw = np.arange(1 << 14, dtype="<i8") + 1000
    head, words = raw[: (9 << 10) // 8], raw[(9 << 10) // 8 : -1]
    least = 1 if steps else int(words[0])
    narrow = (np.zeros(len(words)) if steps else words - least).astype("<u2")
    made = frame(Codec.NUMBERS_1, raw.nbytes, struct.pack("<BB?q", 8, 2, steps, least), head, narrow, raw[-1:])
    assert bytes(unpack(made)) == raw.tobytes()


def test_frames_whose_words_lie_in_one_piece_are_read() -> None:
    raw = np.arange(1 << 14, dtype="<i8") * 100_000 - 7
    narrow = (raw[128:-1] - raw[128]).astype("<u4")
    shape = struct.pack("<BB?qI", 8, 4, False, raw[128], 1024)
    assert bytes(unpack(frame(Codec.NUMBERS_2, raw.nbytes, shape, raw[:128], narrow, raw[-1:]))) == raw.tobytes()
    lower = np.arange(1 << 10, dtype="<i8") * -(1 << 40)
    wide = np.stack([lower, lower >> 63], axis=1)
    shape = struct.pack("<BB?qI", 16, 8, False, 0, 16)
    size = wide.nbytes + 8
    made = frame(Codec.NUMBERS_2, size, shape, wide[0], lower[1:], raw[:1])
    assert bytes(unpack(made)) == wide.tobytes() + raw[:1].tobytes()


def test_frames_are_read_as_they_are_documented() -> None:
    whole = np.arange(1 << 16, dtype="<i8") * 101 - 5
    raw = whole / 100
    narrow = whole[128:-125] - whole[128]
    parts = (narrow & 0xFFFF).astype("<u2"), (narrow >> 16).astype("<u1")
    shape = struct.pack("<BB?qIIb", 8, 3, False, whole[128], 1024, 1000, 2)
    made = frame(Codec.NUMBERS, raw.nbytes, shape, raw[:128], *parts, raw[-125:])
    assert bytes(unpack(made)) == raw.tobytes()


def test_sizes_that_cannot_be_are_refused() -> None:
    for size in (0, 9 << 10, (9 << 10) + 12, (9 << 10) + 20):
        with pytest.raises(ValueError, match="not narrowed"):
            Shape(8, 1, False, 0).narrow_size(size)
