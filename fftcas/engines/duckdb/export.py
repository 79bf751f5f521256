"""Stored tables as files and as text, through DuckDB in memory: values look as they do in a database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from fftcas.engines.duckdb.arrow import insert_stream
from fftcas.engines.duckdb.carriers import carriers
from fftcas.engines.duckdb.errors import translated
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
    definitions = ", ".join(f"{quote_name(column.name)} {column.type}" for column in table.columns)
    names = [f"c{i}" for i in range(len(table.columns))]
    values = ", ".join(carrier.back(name) for carrier, name in zip(carriers(table.columns), names, strict=True))
    with duckdb.connect(":memory:") as connection, translated():
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"CREATE TABLE rows ({definitions})")
        insert_stream(connection, f"INSERT INTO rows SELECT {values} FROM", table, names)
        yield connection
