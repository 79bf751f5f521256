"""Equal values give equal bytes, and every Arrow type comes back as it was."""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from fftcas.errors import StoreError
from fftcas.store import Store, chunks, measure_table, tables
from fftcas.store.chunks import ALIGNMENT, NARROW, ROWS, decode, encode, normal
from fftcas.table import Column, Table


def table_of(data: pa.Table, cut: int = 1000) -> Table:
    columns = tuple(Column(field.name, str(field.type)) for field in data.schema)
    return Table(columns, data.schema, iter(data.to_batches(max_chunksize=cut)))


def read_all(table: Table) -> pa.Table:
    return pa.Table.from_batches(list(table.batches), table.schema)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with Store.open(tmp_path_factory.mktemp("store")) as opened:
        yield opened


LEAVES: list[tuple[pa.DataType, st.SearchStrategy[Any]]] = [
    (pa.int8(), st.integers(-128, 127)),
    (pa.int32(), st.integers(-(2**31), 2**31 - 1)),
    (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    (pa.uint64(), st.integers(0, 2**64 - 1)),
    (pa.float32(), st.floats(width=32)),
    (pa.float64(), st.floats()),
    (pa.bool_(), st.booleans()),
    (pa.string(), st.text(max_size=20)),
    (pa.large_string(), st.text(max_size=20)),
    (pa.binary(), st.binary(max_size=20)),
    (pa.binary(16), st.binary(min_size=16, max_size=16)),
    (pa.decimal128(38, 10), st.integers(-(10**38) + 1, 10**38 - 1).map(lambda i: Decimal(i).scaleb(-10))),
    (pa.date32(), st.dates()),
    (pa.time64("us"), st.times()),
    (pa.timestamp("us"), st.datetimes()),
    (pa.timestamp("us", tz="UTC"), st.datetimes()),
    (pa.duration("us"), st.timedeltas()),
    (pa.month_day_nano_interval(), st.tuples(*[st.integers(-(2**31), 2**31 - 1)] * 3).map(pa.MonthDayNano)),
    (pa.null(), st.none()),
]


def nested(inner: tuple[pa.DataType, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    type_, values = inner
    values = st.none() | values
    pairs = st.lists(st.tuples(st.text(max_size=3), values), max_size=3, unique_by=lambda pair: pair[0])
    return st.sampled_from(
        [
            (pa.list_(type_), st.lists(values, max_size=3)),
            (pa.large_list(type_), st.lists(values, max_size=3)),
            (pa.list_(type_, 2), st.lists(values, min_size=2, max_size=2)),
            (pa.struct([("a", type_), ("ü b", pa.int16())]), st.fixed_dictionaries({"a": values, "ü b": st.none()})),
            (pa.map_(pa.string(), type_), pairs),
        ]
    )


KINDS = st.recursive(st.sampled_from(LEAVES), lambda kinds: kinds.flatmap(nested), max_leaves=3)


@st.composite
def arrow_tables(draw: st.DrawFn) -> pa.Table:
    names = draw(st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=4, unique=True))
    rows = draw(st.integers(0, 12))
    arrays = []
    for _ in names:
        type_, values = draw(KINDS)
        items = draw(st.lists(st.none() | values, min_size=rows, max_size=rows))
        try:
            arrays.append(pa.array(items, type_))
        except pa.ArrowInvalid:
            reject()  # pyarrow cannot make every nested decimal of Python values
    return pa.Table.from_arrays(arrays, names=names)


def same(one: Any, other: Any) -> bool:
    """Equal to the bit: NaN is NaN, and -0.0 is not 0.0."""
    if isinstance(one, float) and isinstance(other, float):
        return (math.isnan(one) and math.isnan(other)) or (
            one == other and math.copysign(1, one) == math.copysign(1, other)
        )
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(same(*pair) for pair in zip(one, other, strict=True))
    return bool(one == other)


@given(data=arrow_tables(), cut=st.integers(1, 5))
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_tables_of_all_types_come_back(store: Store, data: pa.Table, cut: int) -> None:
    manifest = store.write_table(table_of(data, cut))
    back = read_all(store.read_table(manifest))
    assert back.schema.equals(data.schema)
    assert same(back.to_pylist(), data.to_pylist())
    assert measure_table(table_of(data, 7)) == manifest


@given(data=arrow_tables(), offset=st.integers(1, 3))
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_slices_are_named_like_copies(data: pa.Table, offset: int) -> None:
    padded = pa.concat_tables([data.slice(0, offset), data, data]).combine_chunks()
    part = padded.slice(min(offset, len(data)), len(data))
    assert measure_table(table_of(part)).output == measure_table(table_of(data)).output


@pytest.mark.parametrize(
    "type_",
    [
        pa.time64("us"),
        pa.list_(pa.time64("us")),
        pa.large_list(pa.time64("us")),
        pa.list_(pa.time64("us"), 1),
        pa.struct([("a", pa.time64("us"))]),
        pa.map_(pa.time64("us"), pa.time64("us")),
    ],
    ids=str,
)
def test_the_last_moment_of_a_day_comes_back(type_: pa.DataType) -> None:
    """24:00:00 is a time of day to DuckDB, and none to Arrow."""
    day: Any = 24 * 60 * 60 * 1_000_000
    if pa.types.is_map(type_):
        row: Any = [(day, day)]
    else:
        row = {"a": day} if pa.types.is_struct(type_) else day if type_ == pa.time64("us") else [day]
    data = encode(pa.array([row, None], type_), pa.field("x", type_))
    assert decode(data, 2).column(0).equals(pa.array([row, None], type_))


def test_what_lies_under_nulls_does_not_count() -> None:
    valid = pa.array([True, False, True]).buffers()[1]
    one = pa.Array.from_buffers(pa.int64(), 3, [valid, pa.array([1, 7, 3]).buffers()[1]])
    other = pa.Array.from_buffers(pa.int64(), 3, [valid, pa.array([1, 8, 3]).buffers()[1]])
    field = pa.field("x", pa.int64())
    assert encode(one, field).equals(encode(other, field))


def test_what_lies_under_nulls_of_lists_does_not_count() -> None:
    valid = pa.array([True, False, True]).buffers()[1]
    offsets = pa.array([0, 1, 3, 4], pa.int32()).buffers()[1]
    lists = [
        pa.Array.from_buffers(pa.list_(pa.int64()), 3, [valid, offsets], children=[pa.array([1, junk, junk, 4])])
        for junk in (7, 8)
    ]
    field = pa.field("x", pa.list_(pa.int64()))
    assert encode(lists[0], field).equals(encode(lists[1], field))


def test_dictionaries_and_unions_come_back(store: Store) -> None:
    states = pa.array(["a", None, "b", "a"]).dictionary_encode()
    union = pa.UnionArray.from_sparse(
        pa.array([0, 1, 0, 1], pa.int8()), [pa.array([1, 2, 3, 4]), pa.array(list("wxyz"))]
    )
    data = pa.table({"state": states, "union": union})
    back = read_all(store.read_table(store.write_table(table_of(data, 3))))
    assert back.schema.equals(data.schema)
    assert back.to_pylist() == data.to_pylist()


def test_extension_types_come_back(store: Store) -> None:
    data = pa.table({"id": pa.array([bytes(range(16)), None], pa.binary(16)).cast(pa.binary(16))})
    field = pa.field("id", pa.binary(16), metadata={b"ARROW:extension:name": b"duckdb.hugeint", b"other": b"x"})
    data = data.cast(pa.schema([field]))
    back = store.read_table(store.write_table(table_of(data)))
    assert back.schema.field(0).metadata == {b"ARROW:extension:name": b"duckdb.hugeint"}


def test_a_column_that_arrow_cannot_write_is_named(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise pa.ArrowNotImplementedError("no such writer")

    monkeypatch.setattr(tables, "encode", refuse)
    with pytest.raises(StoreError, match="column 'odd one' of type int64 cannot be stored"):
        store.write_table(table_of(pa.table({"odd one": [1]})))


@pytest.mark.parametrize(("columns", "rows"), [(NARROW, ROWS), (NARROW + 1, ROWS // 4)])
def test_chunks_have_fewer_rows_where_they_are_many_side_by_side(store: Store, columns: int, rows: int) -> None:
    data = pa.table({f"c{i}": pa.array(range(rows + 1)) for i in range(columns)})
    manifest = store.write_table(table_of(data, 50_000))
    assert [chunk.rows for chunk in tables.chunk_list(store.blobs, manifest.columns[-1])] == [rows, 1]
    assert read_all(store.read_table(manifest)).equals(data)


def test_tables_that_were_cut_otherwise_come_back(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    data = pa.table({"id": list(range(ROWS + 5)), "name": [f"user{i}" for i in range(ROWS + 5)]})
    now = store.write_table(table_of(data, ROWS))
    with monkeypatch.context() as patched:
        patched.setattr(tables, "chunk_rows", lambda columns: 65_536)
        before = store.write_table(table_of(data, ROWS))
    assert now.output != before.output
    assert read_all(store.read_table(before)).equals(data)


def test_long_strings_are_cut_into_chunks_of_about_a_mebibyte(store: Store) -> None:
    data = pa.table({"text": ["x" * 10_000_000, "y", *["z" * 1000] * 5000], "id": list(range(5002))})
    manifest = store.write_table(table_of(data, 100_000))
    table = store.read_table(manifest)
    batches = list(table.batches)
    assert pa.Table.from_batches(batches).equals(data)
    assert len(batches) > 4


def test_damaged_chunks_are_refused() -> None:
    data = encode(pa.array(["a", "bc"]), pa.field("x", pa.string())).to_pybytes()
    decode(data, 2)
    with pytest.raises(ValueError, match="rows"):
        decode(data, 3)
    for length in range(0, len(data) - 16, 7):
        with pytest.raises(ValueError, match="not a chunk"):
            decode(data[:length], 2)


@pytest.mark.parametrize("type_", [pa.string(), pa.large_string()])
@pytest.mark.parametrize(
    ("texts", "offset", "valid"),
    [
        ("user", None, True),
        ("üser", None, True),
        ("user", 3, True),  # another cut, but one
        ("üser", 1, False),  # within a letter
        ("user", -1, False),
        ("user", 9, False),  # the next text begins before it
        ("user", 1 << 30, False),
    ],
)
def test_texts_are_validated(type_: pa.DataType, texts: str, offset: int | None, valid: bool) -> None:
    """Where all are ASCII, only where they begin is looked at."""
    array = pa.array([texts] * 4000, type_)
    data = bytearray(encode(array, pa.field("x", type_)))
    first, second = (size.to_bytes(array.buffers()[1].size // 4001, "little") for size in (0, len(texts.encode())))
    if offset is not None:
        at = data.index(first + second) + len(first)
        data[at : at + len(first)] = offset.to_bytes(len(first), "little", signed=True)
    if valid:
        assert decode(data, 4000).column(0)[2:].equals(array[2:])
    else:
        with pytest.raises(ValueError, match="not a chunk"):
            decode(data, 4000)


@pytest.mark.parametrize("byte", [b"\x80", b"\xff"])
def test_texts_that_are_none_are_refused(byte: bytes) -> None:
    data = encode(pa.array(["user"] * 4000), pa.field("x", pa.string())).to_pybytes()
    with pytest.raises(ValueError, match="not a chunk"):
        decode(data[:-100] + byte + data[-99:], 4000)


@pytest.mark.parametrize(
    "array",
    [pa.nulls(3), pa.array([1, None, 3], pa.duration("s")), pa.array(["ab", "c", "d"]), pa.array([["a"], None, []])],
    ids=lambda array: str(array.type),
)
def test_what_is_decoded_is_valid(array: pa.Array, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever byte of a chunk is another one."""
    monkeypatch.setattr(chunks, "_SHORT", 0)
    data = bytearray(encode(array, pa.field("x", array.type)))
    for place, before in enumerate(data):
        for byte in (0, 1, 11, 255):
            data[place] = byte
            try:
                batch = decode(data, 3)
            except ValueError:
                continue
            batch.validate(full=True)
        data[place] = before
    assert decode(data, 3).column(0).equals(array)


def test_values_are_aligned_wherever_a_chunk_lies() -> None:
    """What was not compressed lies right behind the frame's head, and pyarrow warns of that on stderr."""
    values = pa.array([7, 8, 9])
    data = encode(values, pa.field("x", pa.int64())).to_pybytes()
    for before in range(9):
        batch = decode(memoryview(bytes(before) + data)[before:], 3)
        assert batch.column(0).equals(values)
        assert batch.column(0).buffers()[1].address % ALIGNMENT == 0


@pytest.mark.parametrize("values", [pa.array([0] * 1000), pa.array(["a", "b"] * 500).dictionary_encode()])
@pytest.mark.parametrize("codec", ["zstd", "lz4"])
def test_compressed_bodies_are_refused(values: pa.Array, codec: str) -> None:
    """They may declare any size, which Arrow would allocate before anybody could look."""
    batch = pa.record_batch([values], ["x"])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema, options=pa.ipc.IpcWriteOptions(compression=codec)) as writer:
        writer.write_batch(batch)
    with pytest.raises(ValueError, match="compressed"):
        decode(sink.getvalue(), 1000)


@pytest.mark.parametrize("array", [pa.array([1, 2, 3]), pa.array(["a", "b", "c"])])
def test_plain_columns_without_nulls_are_not_copied(array: pa.Array) -> None:
    assert normal(array).buffers()[-1].address == array.buffers()[-1].address


@pytest.mark.parametrize("values", [list(range(100)), [str(number) for number in range(100)], [True] * 100])
def test_what_follows_a_slice_does_not_count(values: list[Any]) -> None:
    field = pa.field("x", pa.array(values).type)
    for end in range(100):
        assert encode(pa.array(values)[:end], field).equals(encode(pa.array(values[:end], field.type), field))


def test_equal_columns_are_stored_once(tmp_path: Path) -> None:
    with Store.open(tmp_path) as fresh:
        manifest = fresh.write_table(table_of(pa.table({"a": [1, 2], "b": [1, 2]})))
        assert manifest.columns[0].digest == manifest.columns[1].digest


def test_the_format_holds_still() -> None:
    data = pa.table({"id": [1, None, 3], "name": ["a", "b", None], "list": [[1], None, []]})
    assert measure_table(table_of(data)).output == GOLDEN


GOLDEN = "eb8e642af0855834e6f5af704837a253c7d33127063fdf7c2ee09ba530e5d45c"
