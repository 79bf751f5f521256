"""Chunks: one column of at most 122,880 rows as Arrow IPC bytes, equal bytes for equal values.

A chunk is an IPC stream with one unnamed field and one record batch. Before it is written, what readers cannot see is
taken away: offsets of slices, values under nulls, spare bits and bytes, and metadata (but for extension types').
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = 122_880
"""Rows of a chunk, counted from the table's start; chunks above `BYTES` are halved, down to one row. As many as a row
group of DuckDB's has: nothing is copied together on the way out of it and back, and where a query moves whole groups,
their chunks stay the same."""
BYTES = (2 << 20) - (1 << 16)
"""Bytes above which a chunk is halved: 16-byte values and their nulls still fit."""
NARROW = 64
"""Columns of the widest table whose chunks have so many rows."""
ALIGNMENT = 8
"""Bytes to a multiple of which Arrow aligns buffers, within a chunk as well."""
_SHORT = 4096
"""Bytes of texts that are not worth a look at once."""
_HEADER, _DICTIONARY_DATA, _COMPRESSION = 2, 1, 3
"""Numbers of fields in Arrow's `Message`, `DictionaryBatch` and `RecordBatch` (Message.fbs)."""


def chunk_rows(columns: int) -> int:
    """Rows of the chunks of a table with so many columns: those of all columns are in memory at once."""
    return ROWS if columns <= NARROW else ROWS // 4


def parts(array: pa.Array) -> Iterator[pa.Array]:
    """A column's rows in pieces of acceptable size."""
    if array.nbytes <= BYTES or len(array) <= 1:
        yield array
    else:
        middle = (len(array) + 1) // 2
        yield from parts(array.slice(0, middle))
        yield from parts(array.slice(middle))


def encode(array: pa.Array, field: pa.Field) -> pa.Buffer:
    """The bytes of a chunk. Raises pyarrow's errors for types that Arrow cannot write."""
    import pyarrow as pa

    metadata = {key: value for key, value in (field.metadata or {}).items() if key.startswith(b"ARROW:extension:")}
    schema = pa.schema([pa.field("", field.type, metadata=metadata or None)])
    batch = pa.RecordBatch.from_arrays([normal(array)], schema=schema)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema, options=pa.ipc.IpcWriteOptions(compression=None)) as writer:
        writer.write_batch(batch)
    return sink.getvalue()


def decode(data: Any, rows: int) -> pa.RecordBatch:
    """The one-column batch in a chunk's bytes, validated in full. Raises ValueError.

    Nothing is allocated that the bytes do not hold: compressed bodies, which may declare any size, are refused.
    """
    import pyarrow as pa

    try:
        buffer = aligned(pa.py_buffer(data))
        messages = list(pa.ipc.MessageReader.open_stream(buffer))
        if any(map(is_compressed, messages)):
            raise ValueError("its body is compressed")
        if [message.type for message in messages] == ["schema", "record batch"]:
            schema = pa.ipc.read_schema(messages[0])
            batch = pa.ipc.read_record_batch(messages[1], schema)
        else:  # dictionaries belong together
            batch = pa.ipc.open_stream(buffer).read_next_batch()
        if batch.num_columns != 1:
            raise ValueError(f"it has {batch.num_columns} columns")
        try:
            batch.validate()
            _as_bytes(batch.column(0)).validate(full=True)
        except pa.ArrowInvalid:
            plain = pa.schema([field.with_type(without_times(field.type)) for field in batch.schema])
            if plain == batch.schema:
                raise
            pa.ipc.read_record_batch(messages[1], plain).validate(full=True)
    except (pa.ArrowException, StopIteration, OSError, UnicodeDecodeError, KeyError) as error:
        # KeyError: a type of Arrow's that pyarrow has no class for
        raise ValueError(f"it is not a chunk: {error}") from error
    if batch.num_rows != rows:
        raise ValueError(f"it has {batch.num_rows} rows instead of {rows}")
    return batch


def _as_bytes(array: pa.Array) -> pa.Array:
    """Texts as bytes, if these are all ASCII: wherever they are cut, they are texts. Arrow looks at each by itself,
    which takes ten times as long."""
    import numpy as np
    import pyarrow as pa

    for is_text, bytes_ in ((pa.types.is_string, pa.binary), (pa.types.is_large_string, pa.large_binary)):
        if is_text(array.type):
            data = array.buffers()[-1]
            if data is not None and data.size > _SHORT and np.frombuffer(data, np.uint8).max() < 0x80:
                return array.view(bytes_())
    return array


def without_times(type_: pa.DataType) -> pa.DataType:
    """The type of the same bytes with plain numbers for times of day: to Arrow, 24:00:00 is none."""
    import pyarrow as pa

    if pa.types.is_time64(type_):
        return pa.int64()
    if pa.types.is_struct(type_):
        return pa.struct([field.with_type(without_times(field.type)) for field in type_])
    if pa.types.is_map(type_):
        return pa.map_(without_times(type_.key_type), type_.item_field.with_type(without_times(type_.item_type)))
    if pa.types.is_fixed_size_list(type_):
        return pa.list_(type_.value_field.with_type(without_times(type_.value_type)), type_.list_size)
    for is_list, make in ((pa.types.is_list, pa.list_), (pa.types.is_large_list, pa.large_list)):
        if is_list(type_):
            return make(type_.value_field.with_type(without_times(type_.value_type)))
    return type_


def aligned(buffer: pa.Buffer) -> pa.Buffer:
    """The same bytes where Arrow may read their values in place; what was not compressed can lie anywhere."""
    import pyarrow as pa

    return buffer if buffer.address % ALIGNMENT == 0 else pa.py_buffer(buffer.to_pybytes())


def is_compressed(message: pa.ipc.Message) -> bool:
    """Whether a message's flatbuffer names a codec for its body. Raises ValueError."""
    if message.type not in ("record batch", "dictionary"):
        return False
    data = memoryview(message.metadata)

    def field(table: int, index: int) -> int | None:
        """Where a table's field lies, None if it is not set."""
        layout = table - struct.unpack_from("<i", data, table)[0]
        at = 4 + 2 * index
        (size,) = struct.unpack_from("<H", data, layout)
        (offset,) = struct.unpack_from("<H", data, layout + at) if at < size else (0,)
        return table + offset if offset else None

    def table(at: int | None) -> int:
        if at is None:
            raise ValueError("its message has no header")
        return int(at + struct.unpack_from("<I", data, at)[0])

    try:
        header = table(field(table(0), _HEADER))
        if message.type == "dictionary":
            header = table(field(header, _DICTIONARY_DATA))
        return field(header, _COMPRESSION) is not None
    except struct.error as error:
        raise ValueError("its message is cut off") from error


def normal(array: pa.Array) -> pa.Array:
    """The same values in buffers that hold nothing else; without a copy for plain columns that have no nulls."""
    import pyarrow as pa

    if isinstance(array.type, pa.BaseExtensionType):
        return pa.ExtensionArray.from_storage(array.type, normal(array.storage))
    if array.null_count == 0:
        trimmed = _trimmed(array)
        if trimmed is not None:
            return trimmed
    rows = _row_numbers(len(array))
    if array.null_count:
        import pyarrow.compute as pc  # takes as long to import as all that a small table needs

        rows = pc.if_else(pc.is_valid(array), rows, None)
    return array.take(rows)


def _trimmed(array: pa.Array) -> pa.Array | None:
    """An array without nulls whose buffers end with its last value, or None for a type that must be copied.

    The IPC writer cuts slices, but leaves up to 63 bytes of what follows.
    """
    import pyarrow as pa

    type_, start, count = array.type, array.offset, len(array)
    if pa.types.is_string(type_) or pa.types.is_binary(type_):
        width, varies = 4, True
    elif pa.types.is_large_string(type_) or pa.types.is_large_binary(type_):
        width, varies = 8, True
    elif pa.types.is_boolean(type_) or not (
        pa.types.is_primitive(type_) or pa.types.is_decimal(type_) or pa.types.is_fixed_size_binary(type_)
    ):
        return None
    else:
        width, varies = type_.bit_width // 8, False
    _, fixed, *values = array.buffers()
    if fixed is None or fixed.size == 0 or (varies and values[0] is None):
        return None
    buffers = [None, fixed.slice(start * width, (count + varies) * width)]
    if varies:
        end = int.from_bytes(memoryview(buffers[1])[-width:], sys.byteorder)
        buffers.append(values[0].slice(0, end))
    return pa.Array.from_buffers(type_, count, buffers, null_count=0)


def _row_numbers(count: int) -> pa.Array:
    import numpy as np
    import pyarrow as pa

    return pa.array(np.arange(count, dtype=np.int32))
