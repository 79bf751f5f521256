"""Tables in and out of the store, as streams: never more than a few chunks are in memory.

Hashing, compression and their inverses run in a few threads (they let go of the interpreter's lock), while the engine
makes the next batch and another thread writes the last transaction.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from blake3 import blake3

from fftcas.batches import regrouped
from fftcas.digest import Digest
from fftcas.errors import StoreError
from fftcas.store.blobs import Blob, Blobs, MissingBlob
from fftcas.store.chunks import chunk_rows, decode, encode, parts
from fftcas.store.frame import Codec
from fftcas.store.threads import Threads, packers
from fftcas.table import Manifest, StoredColumn, Table

if TYPE_CHECKING:
    import pyarrow as pa

WRITE_BYTES = 8 << 20
"""Bytes in memory, packed or not, that one write transaction takes; as many may wait for the next."""
AHEAD_BYTES = 16 << 20
"""Uncompressed bytes that lie ready between stages of a stream."""

SHORT, LISTS = 4, 1 << 15
"""Chunks of the lists that are kept in memory, and how many these are."""


@dataclass(frozen=True)
class Chunk:
    """An entry of a column's list of chunks; `bytes` is the uncompressed size."""

    digest: Digest
    rows: int
    bytes: int


def write_table(table: Table, make: Callable[[Any, Codec], Blob], put: Callable[[Sequence[Blob]], None]) -> Manifest:
    """Cut a table into chunks, `make` blobs of them and `put` these; returns the manifest. Raises StoreError."""
    lists: list[list[Chunk]] = [[] for _ in table.columns]
    rows = 0
    with packers() as pool, Threads(1, "fftcas-write") as writer:
        queue = Writing(writer, put)
        waiting: deque[tuple[int, int, Callable[[], list[tuple[Chunk, Blob]]]]] = deque()
        ahead = 0

        def finish() -> None:
            nonlocal ahead
            index, size, made = waiting.popleft()
            ahead -= size
            for chunk, blob in made():
                lists[index].append(chunk)
                queue.add(blob)

        for group in row_groups(table):
            rows += len(group[0]) if group else 0
            for index, array in enumerate(group):
                size = array.nbytes
                work = partial(_chunks, array, table, index, make)
                waiting.append((index, size, pool.begin(work, size)))
                ahead += size
                while ahead > AHEAD_BYTES and len(waiting) > 1:
                    finish()
        while waiting:
            finish()
        columns = []
        for column, chunks in zip(table.columns, lists, strict=True):
            blob = make(json.dumps([[c.digest, c.rows, c.bytes] for c in chunks]).encode(), Codec.RAW)
            queue.add(blob)
            size = sum(chunk.bytes for chunk in chunks)
            columns.append(StoredColumn(column.name, column.type, column.nullable, blob.digest, size))
        queue.close()
    return Manifest(rows, tuple(columns))


def measure(raw: Any, codec: Codec) -> Blob:
    """A blob that is only named, not packed."""
    return Blob(blake3(raw).hexdigest(), 0, codec)


class Writing:
    """Collects blobs and writes them in transactions, one of which may be under way."""

    def __init__(self, writer: Threads, put: Callable[[Sequence[Blob]], None]) -> None:
        self._writer = writer
        self._put = put
        self._blobs: list[Blob] = []
        self._bytes = 0
        self._under_way: Callable[[], None] | None = None

    def add(self, blob: Blob) -> None:
        self._blobs.append(blob)
        self._bytes += blob.memory
        if self._bytes >= WRITE_BYTES:
            self._flush()

    def close(self) -> None:
        """Write what is left, in this thread, which has nothing else to do."""
        self._wait()
        if self._blobs:
            self._put(self._blobs)

    def _flush(self) -> None:
        self._wait()
        self._under_way = self._writer.begin(partial(self._put, self._blobs), self._bytes)
        self._blobs, self._bytes = [], 0

    def _wait(self) -> None:
        if self._under_way is not None:
            self._under_way()
            self._under_way = None


def row_groups(table: Table) -> Iterator[list[pa.Array]]:
    """A table's columns in groups of as many rows as a chunk has, but for the last; at least one group."""
    import pyarrow as pa

    some = False
    for group in regrouped(table.batches, chunk_rows(len(table.columns))):
        some = True
        yield group
    if not some:
        yield [pa.array([], field.type) for field in table.schema]


def _chunks(array: pa.Array, table: Table, index: int, make: Callable[[Any, Codec], Blob]) -> list[tuple[Chunk, Blob]]:
    import pyarrow as pa

    made = []
    for part in parts(array):
        try:
            data = encode(part, table.schema.field(index))
        except (pa.ArrowException, NotImplementedError) as error:
            column = table.columns[index]
            raise StoreError(
                f"column '{column.name}' of type {column.type} cannot be stored", why=str(error)
            ) from error
        blob = make(data, Codec.ZSTD)
        made.append((Chunk(blob.digest, len(part), data.size), blob))
    return made


def chunk_lists(blobs: Blobs, columns: Sequence[StoredColumn]) -> list[list[Chunk]]:
    """The chunks of each column. Raises MissingBlob."""
    digests = [column.digest for column in columns]
    known = [_known[digest] for digest in digests if digest in _known]
    if len(known) < len(columns) or not blobs.has(digests):
        found = zip(columns, blobs.get_many(digests), strict=True)
        known = [_parsed(column.digest, data) for column, data in found]
    for column, chunks in zip(columns, known, strict=True):
        if sum(chunk.bytes for chunk in chunks) != column.bytes:
            raise MissingBlob(column.digest)
        keep_list(column.digest, chunks)
    return known


def chunk_list(blobs: Blobs, column: StoredColumn) -> list[Chunk]:
    """A column's chunks. Raises MissingBlob."""
    return chunk_lists(blobs, [column])[0]


def _parsed(digest: Digest, data: Any | None) -> list[Chunk]:
    if data is None:
        raise MissingBlob(digest)
    try:
        return parse_chunks(data)
    except ValueError as error:
        raise MissingBlob(digest) from error


def keep_list(digest: Digest, chunks: list[Chunk]) -> None:
    """Keep what a blob was found to list, if it is short: once verified, it need only be there."""
    if len(chunks) <= SHORT and len(_known) < LISTS:
        _known[digest] = chunks


_known: dict[Digest, list[Chunk]] = {}


def parse_chunks(data: Any) -> list[Chunk]:
    """The chunks that a column's blob lists. Raises ValueError."""
    try:
        chunks = [Chunk(str(digest), int(rows), int(size)) for digest, rows, size in json.loads(bytes(data))]
        for chunk in chunks:
            bytes.fromhex(chunk.digest)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ValueError(f"not a list of chunks: {error}") from error
    if not chunks:
        raise ValueError("a list of no chunks")
    return chunks


def read_table(manifest: Manifest, wanted: Sequence[StoredColumn], blobs: Blobs) -> Table:
    """A table's columns as a stream of verified batches. Raises MissingBlob, at once or while the stream is read."""
    lists = chunk_lists(blobs, wanted)
    chunks = [chunks[0] for chunks in lists]
    found = blobs.get_many([chunk.digest for chunk in chunks])
    first = [_loaded(chunk, data) for chunk, data in zip(chunks, found, strict=True)]
    return streamed(manifest, wanted, lists, partial(load, blobs), first)


def streamed(
    manifest: Manifest,
    wanted: Sequence[StoredColumn],
    lists: Sequence[list[Chunk]],
    load: Callable[[Chunk], pa.RecordBatch],
    first: Sequence[pa.RecordBatch],
) -> Table:
    """Columns as a stream of their `first` chunks and of what `load`, in several threads, makes of the others. Raises
    MissingBlob, at once or while the stream is read, and then what `load` raises."""
    import pyarrow as pa

    for column, chunks in zip(wanted, lists, strict=True):
        if sum(chunk.rows for chunk in chunks) != manifest.rows:
            raise MissingBlob(column.digest)
    types = [batch.schema.field(0) for batch in first]
    fields = [
        pa.field(column.name, field.type, metadata=field.metadata) for column, field in zip(wanted, types, strict=True)
    ]
    schema = pa.schema(fields)
    names = {column.name for column in wanted}
    columns = tuple(column for column in manifest.schema if column.name in names)
    return Table(columns, schema, _batches(load, schema, lists, first))


def load(blobs: Blobs, chunk: Chunk) -> pa.RecordBatch:
    """A chunk's rows. Raises MissingBlob."""
    return _loaded(chunk, blobs.get(chunk.digest))


def _loaded(chunk: Chunk, data: Any | None) -> pa.RecordBatch:
    if data is None:
        raise MissingBlob(chunk.digest)
    try:
        return decode(data, chunk.rows)
    except ValueError as error:
        raise MissingBlob(chunk.digest) from error


def _batches(
    load: Callable[[Chunk], pa.RecordBatch],
    schema: pa.Schema,
    lists: Sequence[list[Chunk]],
    first: Sequence[pa.RecordBatch],
) -> Iterator[pa.RecordBatch]:
    """Chunks of all columns side by side, the `first` ones given; where columns were cut differently, batches end at
    every cut."""
    import pyarrow as pa

    if all(len(chunks) == 1 for chunks in lists):
        if first and first[0].num_rows:
            yield pa.RecordBatch.from_arrays([batch.column(0) for batch in first], schema=schema)
        return
    ready: list[deque[tuple[int, Callable[[], pa.RecordBatch]]]] = [deque() for _ in lists]
    order = iter(_in_row_order(lists))
    ahead = 0
    now: list[pa.Array | None] = [batch.column(0) for batch in first]
    with packers() as pool:
        while True:
            while ahead < AHEAD_BYTES or not all(
                queue or array is not None for queue, array in zip(ready, now, strict=True)
            ):
                following = next(order, None)
                if following is None:
                    break
                index, chunk = following
                work = partial(load, chunk)
                ready[index].append((chunk.bytes, pool.begin(work, chunk.bytes)))
                ahead += chunk.bytes
            for index, array in enumerate(now):
                if array is None:
                    if not ready[index]:
                        return
                    size, loaded = ready[index].popleft()
                    ahead -= size
                    batch = loaded()
                    if batch.schema.field(0).type != schema.field(index).type:
                        raise MissingBlob(lists[index][0].digest)
                    now[index] = batch.column(0)
            rows = min(len(array) for array in now if array is not None)
            if rows:
                yield pa.RecordBatch.from_arrays(
                    [array.slice(0, rows) for array in now if array is not None], schema=schema
                )
            now = [array.slice(rows) if array is not None and len(array) > rows else None for array in now]


def _in_row_order(lists: Sequence[list[Chunk]]) -> list[tuple[int, Chunk]]:
    """All chunks but the first of each column."""
    placed = []
    for index, chunks in enumerate(lists):
        start = 0
        for chunk in chunks:
            if chunk is not chunks[0]:
                placed.append((start, index, chunk))
            start += chunk.rows
    return [(index, chunk) for _, index, chunk in sorted(placed, key=lambda place: place[:2])]
