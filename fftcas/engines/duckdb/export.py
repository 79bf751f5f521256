"""Stored tables as files and as text, through DuckDB in memory: values look as they do in a database."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

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


NO_NUMBER = re.compile(rb"-?(?:NaN|Infinity)|(?<![0-9])\.(?=[0-9])")
TEXT = rb'("(?:[^"\\]++|\\.)*+")'
TOKEN = re.compile(TEXT + b"|" + NO_NUMBER.pattern)


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
        if form == "json":
            with TemporaryDirectory(prefix="fftcas-json-") as folder:
                file = Path(folder, "rows")
                connection.execute(f"COPY ({query}) TO {quote_text(str(file))} ({COPY[form]})")
                with file.open("rb") as lines, Path(path).open("wb") as out:
                    out.writelines(map(json_line, lines))
            return
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


def json_line(line: bytes) -> bytes:
    """A line of DuckDB's JSON in which all is JSON: it writes NaN, Infinity and, before 2.0, numbers such as .5."""
    return TOKEN.sub(_as_json, line) if NO_NUMBER.search(line) else line


def _as_json(token: re.Match[bytes]) -> bytes:
    text = token[0]
    if token[1] is not None:
        return text
    return b"0." if text == b"." else b'"%b"' % text


@contextmanager
def _loaded(table: Table) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:") as connection, translated():
        connection.execute("SET TimeZone = 'UTC'")
        fill(connection, "rows", table)
        yield connection
