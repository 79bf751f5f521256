"""Equality of two tables as multisets of rows, proven."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from fftcas.engines.duckdb.arrow import insert_stream
from fftcas.engines.duckdb.errors import translated
from fftcas.engines.duckdb.names import quote_name, quote_text
from fftcas.table import Table

NOISE = 1e-9
"""The relative difference of two floats that the order of additions may explain."""


def same_rows(a: Table, b: Table) -> bool:
    """Whether two streams with equal columns hold the same rows, each as often, in whatever order. Exact.

    NULL equals NULL and NaN equals NaN; -0.0 and 0.0 differ. Both streams are read. Raises EngineError.
    """
    if a.columns != b.columns or a.schema != b.schema:
        return False
    with _loaded(a, b) as (connection, types):
        return _cancel_out(connection, ", ".join(key for name, kind in types.items() for key in _keys(name, kind)))


def near_rows(a: Table, b: Table) -> bool:
    """Whether two streams of as many rows hold the same rows, but for floats that differ by less than NOISE of them.

    Rows are matched by their place when each side is sorted by all else, and then by its floats.
    """
    if a.columns != b.columns or a.schema != b.schema:
        return False
    with _loaded(a, b) as (connection, types):
        floats = [name for name, kind in types.items() if kind in {"FLOAT", "DOUBLE"}]
        order = ", ".join([name for name in types if name not in floats] + floats)
        place = f"row_number() OVER (PARTITION BY side ORDER BY {order}) AS place"
        connection.execute(f"CREATE TABLE places AS SELECT *, {place} FROM rows")
        alike = " AND ".join(_alike(name, name in floats) for name in types)
        pairs = "places o JOIN places n ON o.place = n.place AND o.side = 1 AND n.side = -1"
        return connection.execute(f"SELECT 1 FROM {pairs} WHERE NOT ({alike}) LIMIT 1").fetchall() == []


def _alike(name: str, is_float: bool) -> str:
    same = f"o.{name} IS NOT DISTINCT FROM n.{name}"
    near = f"coalesce(abs(o.{name} - n.{name}) <= {NOISE} * abs(o.{name}), false)"
    return f"({same} OR {near})" if is_float else same


@contextmanager
def _loaded(a: Table, b: Table) -> Iterator[tuple[duckdb.DuckDBPyConnection, dict[str, str]]]:
    """A table `rows` with the rows of both, `side` 1 and -1, and the types of its other columns, which are numbered."""
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
        yield connection, {name: types[name] for name in names}


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
