"""Equality of two tables as multisets of rows, proven."""

from __future__ import annotations

import tempfile

import duckdb

from fftcas.engines.duckdb.arrow import insert_stream
from fftcas.engines.duckdb.errors import translated
from fftcas.engines.duckdb.names import quote_name, quote_text
from fftcas.table import Table


def same_rows(a: Table, b: Table) -> bool:
    """Whether two streams with equal columns hold the same rows, each as often, in whatever order. Exact.

    NULL equals NULL and NaN equals NaN; -0.0 and 0.0 differ. Both streams are read. Raises EngineError.
    """
    if a.columns != b.columns or a.schema != b.schema:
        return False
    with (
        tempfile.TemporaryDirectory(prefix="fftcas-compare-") as spill,
        duckdb.connect(":memory:") as connection,
        translated(),
    ):
        connection.execute(f"SET temp_directory = {quote_text(spill)}")
        connection.execute("SET preserve_insertion_order = false")
        names = [f"c{i}" for i in range(len(a.columns))]
        insert_stream(connection, "CREATE TABLE rows AS SELECT *, 1::TINYINT AS side FROM", a, names)
        insert_stream(connection, "INSERT INTO rows SELECT *, -1 FROM", b, names)
        types = dict(connection.execute("SELECT column_name, column_type FROM (DESCRIBE rows)").fetchall())
        return _cancel_out(connection, ", ".join(key for name in names for key in _keys(name, types[name])))


def _cancel_out(connection: duckdb.DuckDBPyConnection, keys: str) -> bool:
    # Sums of hashes that differ prove a difference; equal ones prove nothing yet.
    cheap = connection.execute(f"SELECT sum(side), sum(side * hash({keys})::HUGEINT) FROM rows").fetchall()
    if any(cheap[0]):
        return False
    exact = f"SELECT 1 FROM rows GROUP BY {keys} HAVING sum(side) <> 0 LIMIT 1"
    return connection.execute(exact).fetchall() == []


def _keys(name: str, kind: str) -> list[str]:
    """Expressions that are equal exactly where the column's values are the same."""
    column = quote_name(name)
    if kind in {"FLOAT", "DOUBLE"}:
        return [column, f"({column} = 0 AND signbit({column}))"]
    if "FLOAT" in kind or "DOUBLE" in kind:
        return [f"to_json({column})::VARCHAR"]  # its text tells -0.0 from 0.0
    return [column]
