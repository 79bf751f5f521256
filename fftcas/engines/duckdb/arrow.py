"""Arrow data on its way into DuckDB: streams of stored tables, and plain data from seeds and frames."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import duckdb
import pyarrow as pa

from fftcas.batches import regrouped
from fftcas.engines.base import EngineError
from fftcas.engines.duckdb.errors import translated
from fftcas.engines.duckdb.names import quote_name
from fftcas.table import Table

SOURCE = "__fftcas_arrow"
ROW_GROUP = 122_880
"""Rows of a row group of DuckDB's storage. Batches of that size become one each; all others it copies together again,
which costs a third of the insert, and some sizes write the table twice."""
ROW_GROUP_BYTES = 64 << 20
"""Bytes at which a batch ends whatever its rows, so that long values do not fill the memory."""
INTEGERS = frozenset(
    f"{sign}{size}" for sign in ("", "U") for size in ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
)


@contextmanager
def registered(connection: duckdb.DuckDBPyConnection, data: pa.Table | pa.RecordBatchReader) -> Iterator[str]:
    """The name under which this connection reads the data meanwhile. Raises EngineError for types it does not know."""
    with translated():
        connection.register(SOURCE, data)
    try:
        yield SOURCE
    except BaseException:
        with suppress(duckdb.Error):  # a transaction that was aborted takes it along when it is undone
            connection.unregister(SOURCE)
        raise
    connection.unregister(SOURCE)


def insert_stream(connection: duckdb.DuckDBPyConnection, sql: str, table: Table, names: Sequence[str]) -> int:
    """Run a statement that ends in `FROM`, on the table's rows with its columns called `names`; the count of rows.

    Raises what the table's own stream raises, and duckdb.Error.
    """
    schema = pa.schema([field.with_name(name) for field, name in zip(table.schema, names, strict=True)])
    failed: list[BaseException] = []

    def renamed() -> Iterator[pa.RecordBatch]:
        try:
            for columns in regrouped(table.batches, ROW_GROUP, ROW_GROUP_BYTES):
                yield pa.RecordBatch.from_arrays(columns, schema=schema)
        except Exception as error:
            failed.append(error)
            raise

    with registered(connection, pa.RecordBatchReader.from_batches(schema, renamed())) as source:
        try:
            rows: Any = connection.execute(f"{sql} {source}").fetchall()
        except duckdb.Error:
            if failed:
                raise failed[0] from None
            raise
    return int(rows[0][0])


def plain_columns(data: pa.Table) -> pa.Table:
    """The data with Arrow types that DuckDB reads: half floats become floats, wide decimals narrow ones.

    Raises EngineError, naming the column, where there is no such type.
    """
    for index, field in enumerate(data.schema):
        kind = _readable(field.type)
        if kind == field.type:
            continue
        try:
            column = data.column(index).cast(kind)
        except pa.ArrowInvalid as error:
            raise EngineError(f"column '{field.name}' ({field.type}) does not fit into {kind}: {error}") from error
        data = data.set_column(index, pa.field(field.name, kind), column)
    return data


def _readable(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_float16(kind):
        return pa.float32()
    if pa.types.is_decimal256(kind):
        return pa.decimal128(38, kind.scale)
    return kind


def typed_columns(
    connection: duckdb.DuckDBPyConnection, source: str, schema: pa.Schema, types: Mapping[str, str]
) -> str:
    """The SELECT list that gives the columns in `types` their types and leaves the others as they come.

    Raises EngineError, naming column and value, for a value that is none of its column's type, and for an unknown
    column or type.
    """
    unknown = [name for name in types if name not in schema.names]
    if unknown:
        raise EngineError(f"there is no column '{unknown[0]}' to type", hint=f"columns: {', '.join(schema.names)}")
    return ", ".join(
        _typed(connection, source, name, types[name]) if name in types else quote_name(name) for name in schema.names
    )


def _typed(connection: duckdb.DuckDBPyConnection, source: str, name: str, kind: str) -> str:
    column = quote_name(name)
    try:
        target = str(connection.type(kind))
        number = f"try_cast({column} AS DOUBLE)"
        rounded = f"{number} <> trunc({number})" if target in INTEGERS else "false"  # DuckDB would round it
        bad: Any = connection.execute(
            f"SELECT {column}::VARCHAR FROM {source} "
            f"WHERE {column} IS NOT NULL AND (try_cast({column} AS {target}) IS NULL OR {rounded}) LIMIT 1"
        ).fetchall()
    except duckdb.Error as error:
        raise EngineError(f"column '{name}' cannot be of type {kind}: {str(error).splitlines()[0]}") from error
    if bad:
        raise EngineError(f"column '{name}' is declared {target}, but the value {bad[0][0]!r} is none")
    return f"CAST({column} AS {target}) AS {column}"
