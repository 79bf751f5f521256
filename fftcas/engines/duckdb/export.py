"""Stored tables as files and as text, through DuckDB in memory: values look as they do in a database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from fftcas.engines.duckdb.errors import translated
from fftcas.engines.duckdb.filling import fill
from fftcas.engines.duckdb.names import quote_name, quote_text
from fftcas.table import Table

BATCH = 65_536

COPY = {
    "csv": "FORMAT csv, HEADER",
    "json": "FORMAT json, ARRAY true",
    "parquet": "FORMAT parquet, COMPRESSION zstd",
}


def text_rows(table: Table, limit: int | None) -> list[tuple[str | None, ...]]:
    """The first rows with all values as text. Raises EngineError."""
    with _loaded(table) as connection:
        values = ", ".join(f"{quote_name(column.name)}::VARCHAR" for column in table.columns)
        some = "" if limit is None else f" LIMIT {limit}"
        return connection.execute(f"SELECT {values} FROM rows{some}").fetchall()


def write_file(table: Table, path: str, form: str, limit: int | None) -> None:
    """Write csv, json, parquet or an Arrow stream to a file; `/dev/stdout` is one. Raises EngineError or OSError."""
    with _loaded(table) as connection:
        query = "SELECT * FROM rows" + ("" if limit is None else f" LIMIT {limit}")
        if form in COPY:
            connection.execute(f"COPY ({query}) TO {quote_text(path)} ({COPY[form]})")
            return
        import pyarrow as pa

        result = connection.sql(query)
        stream = result.to_arrow_reader if hasattr(result, "to_arrow_reader") else result.fetch_arrow_reader
        reader: pa.RecordBatchReader = stream(BATCH)
        with pa.OSFile(path, "wb") as file, pa.ipc.new_stream(file, reader.schema) as writer:
            for batch in reader:
                writer.write_batch(batch)


@contextmanager
def _loaded(table: Table) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:") as connection, translated():
        connection.execute("SET TimeZone = 'UTC'")
        fill(connection, "rows", table)
        yield connection
