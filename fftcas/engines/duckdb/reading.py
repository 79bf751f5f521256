"""Reading relations: what columns they have, and their rows as a stream."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import duckdb
import pyarrow as pa

from fftcas.engines.base import EngineError
from fftcas.engines.duckdb.carriers import carriers
from fftcas.engines.duckdb.collations import collated, collations
from fftcas.engines.duckdb.errors import translated
from fftcas.engines.duckdb.names import Place, quote_name
from fftcas.relation import RelationName
from fftcas.store.chunks import chunk_rows
from fftcas.table import Column, Table

VECTOR_ROWS = 2_048
BATCH_BYTES = 64 << 20


def cursor(root: duckdb.DuckDBPyConnection, place: Place) -> duckdb.DuckDBPyConnection:
    """A cursor that finds the profile's relations by bare name."""
    made = root.cursor()
    with suppress(duckdb.CatalogException):  # before prepare() has created the schema
        made.execute(f"USE {place.quote_schema(place.schema)}")
    return made


def describe(
    connection: duckdb.DuckDBPyConnection, place: Place, relation: RelationName, *, collates: bool
) -> tuple[Column, ...]:
    """The columns of an existing relation, which may have collations. Raises EngineError, also for a view that no
    longer works."""
    quoted = place.quote(relation)
    with translated():
        rows: list[Any] = connection.execute(f"DESCRIBE {quoted}").fetchall()
        found = collations(connection, quoted) if collates else {}
    return tuple(
        Column(name, collated(kind, found.get(i)), null != "NO") for i, (name, kind, null, *_) in enumerate(rows)
    )


def whole(connection: duckdb.DuckDBPyConnection, place: Place, relation: RelationName) -> duckdb.DuckDBPyRelation:
    """A relation's rows and columns, not read yet."""
    return connection.sql(f"FROM {place.quote(relation)}")


def read(
    connection: duckdb.DuckDBPyConnection,
    place: Place,
    relation: RelationName,
    columns: tuple[Column, ...],
    *,
    rows: int | None = None,
    all_rows: duckdb.DuckDBPyRelation | None = None,
    closing: bool = False,
) -> Table:
    """Some columns of a relation in carrier types. The connection is the stream's until its end, where `closing` closes
    it. `rows` is the count of rows, and `all_rows` what `whole` gives, if they are known.
    """
    needed = carriers(columns)
    quoted = place.quote(relation)
    with translated():
        # A batch has no fewer rows than a vector.
        size = VECTOR_ROWS if rows is not None and rows <= VECTOR_ROWS else _batch_rows(connection, quoted, columns)
        result = all_rows if all_rows is not None else whole(connection, place, relation)
        if result.columns != [column.name for column in columns] or not all(carrier.plain for carrier in needed):
            values = [
                f"{carrier.out(quote_name(column.name))} AS {quote_name(column.name)}"
                for column, carrier in zip(columns, needed, strict=True)
            ]
            result = connection.sql(f"SELECT {', '.join(values)} FROM {quoted}")
        # 2.0 has a new name for it, and warns about the old one.
        stream = result.to_arrow_reader if hasattr(result, "to_arrow_reader") else result.fetch_arrow_reader
        try:
            reader: pa.RecordBatchReader = stream(size)
        except pa.ArrowException as error:
            raise EngineError(f"{relation} cannot be read: {error}") from error
    return Table(columns, reader.schema, _batches(reader, connection if closing else None))


def chosen(found: tuple[Column, ...], relation: RelationName, wanted: Sequence[str] | None) -> tuple[Column, ...]:
    """The wanted ones (None: all) of a relation's columns. Raises EngineError for one that it does not have."""
    if wanted is None:
        return found
    by_name = {column.name: column for column in found}
    missing = [name for name in wanted if name not in by_name]
    if missing:
        raise EngineError(f"{relation} has no column '{missing[0]}'", hint=f"it has: {', '.join(by_name)}")
    return tuple(by_name[name] for name in wanted)


def _batch_rows(connection: duckdb.DuckDBPyConnection, quoted: str, columns: Sequence[Column]) -> int:
    """How many rows a batch may have for its longest values not to fill the memory."""
    lengths = [
        f"max({'octet_length' if column.type == 'BLOB' else 'strlen'}({quote_name(column.name)}))"
        for column in columns
        if column.type in {"VARCHAR", "JSON", "BLOB"} or column.type.startswith("VARCHAR COLLATE ")
    ]
    rows = connection.execute(f"SELECT {', '.join(lengths)} FROM {quoted}").fetchall() if lengths else [()]
    longest = max((length or 0 for length in rows[0]), default=0)
    nested = any("[" in column.type or "(" in column.type.replace("DECIMAL(", "") for column in columns)
    fit = BATCH_BYTES // (longest + 1) // VECTOR_ROWS * VECTOR_ROWS
    return max(VECTOR_ROWS, min(fit, 8 * VECTOR_ROWS if nested else chunk_rows(len(columns))))


def _batches(reader: pa.RecordBatchReader, connection: duckdb.DuckDBPyConnection | None) -> Iterator[pa.RecordBatch]:
    try:
        for batch in reader:
            if batch.num_rows:
                yield batch
    except (duckdb.Error, pa.ArrowException, OSError) as error:
        raise EngineError(str(error)) from error
    finally:
        reader.close()
        if connection is not None:
            connection.close()
