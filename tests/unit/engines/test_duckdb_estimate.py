"""What DuckDB expects to read: the columns of the plan's scans, sized by its statistics."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from fftcas.engines.base import EngineError
from fftcas.engines.duckdb.engine import DuckDBEngine
from fftcas.engines.duckdb.session import DuckDBSession

EXACT = tuple(map(int, duckdb.__version__.split(".")[:2])) >= (2, 0)
"""DuckDB before 2.0 knows the longest text of a column, not the sum of their lengths."""


@pytest.fixture
def session() -> Iterator[DuckDBSession]:
    engine = DuckDBEngine({"path": ":memory:", "schema": "s"})
    engine.prepare([])
    with engine.session() as session:
        session._cursor.execute(
            "CREATE TABLE t AS SELECT i AS id, repeat('x', 10) AS name, i::SMALLINT % 7 AS g, ['ab'] AS list "
            "FROM range(10000) r(i); CREATE VIEW v AS SELECT id, name FROM t; CREATE TABLE empty (name VARCHAR);"
            'CREATE TABLE "a.b" AS SELECT 1::INT AS "x y"; CREATE SCHEMA other; CREATE TABLE other.t AS SELECT 1 AS id'
        )
        yield session
    engine.close()


@pytest.mark.parametrize(
    ("sql", "columns", "size"),
    [
        ("SELECT id FROM t", ("id",), 80_000),
        ("SELECT name FROM v", ("name",), 140_000),
        ("SELECT id FROM t WHERE g = 3", ("id", "g"), 100_000),
        ("SELECT id FROM t LIMIT 1", ("id",), 80_000),
        ("SELECT list FROM t", ("list",), 80_000 + 40_000 + 20_000),
        ('SELECT "x y" FROM "a.b"', ("x y",), 4),
        ("SELECT name FROM empty", ("name",), 0),
        ("WITH c AS MATERIALIZED (SELECT id FROM t) FROM c AS a, c AS b WHERE a.id = b.id - 1", ("id",), 80_000),
    ],
)
def test_a_scan(session: DuckDBSession, sql: str, columns: tuple[str, ...], size: int) -> None:
    (scan,) = session.estimate(sql).scans
    assert (scan.columns, scan.bytes) == (columns, size)


def test_each_scan_counts_and_the_largest_is_first(session: DuckDBSession) -> None:
    estimate = session.estimate("SELECT a.id FROM t AS a JOIN t AS b ON a.id = b.g")
    assert [(scan.relation, scan.columns, scan.bytes) for scan in estimate.scans] == [
        ("s.t", ("id",), 80_000),
        ("s.t", ("g",), 20_000),
    ]
    assert estimate.bytes == 100_000


@pytest.mark.parametrize("sql", ["SELECT 1", "SELECT count(*) FROM t", "FROM range(10)"])
def test_what_scans_nothing(session: DuckDBSession, sql: str) -> None:
    assert session.estimate(sql).bytes == 0


@pytest.mark.skipif(not EXACT, reason="DuckDB before 2.0 knows only the longest text")
def test_one_long_text_does_not_count_for_all(session: DuckDBSession) -> None:
    session._cursor.execute("CREATE TABLE long AS SELECT if(i = 0, repeat('x', 9000), 'y') AS c FROM range(1000) r(i)")
    assert session.estimate("SELECT c FROM long").bytes == 4 * 1000 + 9999


def test_a_statement_that_cannot_be_planned(session: DuckDBSession) -> None:
    with pytest.raises(EngineError) as caught:
        session.estimate("SELECT id\nFROM nowhere")
    assert caught.value.line == 2
