"""Equality of tables, and fingerprints: the same for the same rows in any order, and for nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stamping import build

from fftcas.engines import open_engine, same_rows
from fftcas.engines.base import EngineError
from fftcas.engines.duckdb.engine import DuckDBEngine
from fftcas.relation import RelationName
from fftcas.table import Table

A, B = RelationName("a"), RelationName("b")


@pytest.fixture(scope="module")
def engine() -> Iterator[DuckDBEngine]:
    engine = open_engine("duckdb", {"path": ":memory:", "schema": "s"})
    assert isinstance(engine, DuckDBEngine)
    engine.prepare([])
    yield engine
    engine.close()


def equal(engine: DuckDBEngine, a: str, b: str) -> bool:
    """Whether two queries give the same rows; comparison and fingerprints have to agree."""
    with engine.session() as session:
        build(session, A, a)
        build(session, B, b)
        same = same_rows(session.read(A), session.read(B))
    assert (engine.fingerprint(A) == engine.fingerprint(B)) == same
    return same


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("from range(100000) t(x)", "from range(100000) t(x) order by -x"),
        ("select 'nan'::double as x", "select -'nan'::double as x"),
        ("select null::int as x", "select null::int as x"),
        ("select unnest([1, 1, 2]) as x", "select unnest([2, 1, 1]) as x"),
        ("select 1 as x limit 0", "select 2 as x limit 0"),
    ],
)
def test_the_same_rows_in_any_order_are_equal(engine: DuckDBEngine, a: str, b: str) -> None:
    assert equal(engine, a, b)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("select 0.0::double as x", "select -0.0::double as x"),
        ("select 0.0::float as x", "select -0.0::float as x"),
        ("select [0.0::double] as x", "select [-0.0::double] as x"),
        ("select {'k': [map {'m': -0.0::float}]} as x", "select {'k': [map {'m': 0.0::float}]} as x"),
        ("select null::varchar as x", "select '' as x"),
        ("select 'null' as x", "select null::varchar as x"),
        ("select unnest([1, 1, 2]) as x", "select unnest([1, 2, 2]) as x"),
        ("select unnest([1, 1]) as x", "select unnest([2, 2]) as x"),
        ("select 1 as x", "select 1::bigint as x"),
        ("select 1 as x", "select 1 as y"),
        ("select 'a\"' as x, 'b' as y", "select 'a' as x, '\"b' as y"),
        ("select 'a,' as x, 'b' as y", "select 'a' as x, ',b' as y"),
        ("select ['a', 'b'] as x", "select ['a, b'] as x"),
        ("select 'A' as x", "select 'a' as x"),
        ("select '\u00e9' as x", "select 'e\u0301' as x"),
        (r"select '\x00'::blob as x", r"select '\x5Cx00'::blob as x"),
        ("select interval 1 month as x", "select interval 30 days as x"),
        ("select 0.1::double as x", "select 0.10000000000000002::double as x"),
        ("select '170141183460469231731687303715884105727'::hugeint as x", "select 7::hugeint as x"),
        ("select a, b from (values (1, 2), (3, 4)) t(a, b)", "select a, b from (values (1, 4), (3, 2)) t(a, b)"),
        ("select unnest([1, 2]) as x", "select 1 as x"),
    ],
)
def test_other_rows_differ(engine: DuckDBEngine, a: str, b: str) -> None:
    assert not equal(engine, a, b)
    assert not equal(engine, b, a)


@pytest.mark.skipif(duckdb.__version__ < "2", reason="1.4 has no tables of such types")
def test_types_that_are_not_stored_have_fingerprints_where_values_can_be_told_apart(engine: DuckDBEngine) -> None:
    points = ["POINT(1 2)", "POINT(1 0)", "POINT(1 -0)", "POINT(nan nan)", "POINT(nan 0)"]
    found = set()
    with engine.session() as session:
        for point in points:
            build(session, A, f"select '{point}'::geometry as x, 1::variant as y")
            found.add(engine.fingerprint(A, ["x"]))
        assert len(found) == len(points)
        told = """nobody can tell whether column 'y' of "s"."a" changed: it has the type VARIANT"""
        with pytest.raises(EngineError, match=told):
            engine.fingerprint(A)


values = st.sampled_from(["0.0", "-0.0", "'nan'", "1", "NULL", "1e30"])
texts = st.sampled_from(["''", "'a'", "'null'", "NULL", "'a\"'", "'[a]'"])
rows = st.lists(st.tuples(values, texts, values), max_size=4)


@given(rows, rows)
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_multisets_are_compared(
    engine: DuckDBEngine, a: list[tuple[str, str, str]], b: list[tuple[str, str, str]]
) -> None:
    def sql(rows: list[tuple[str, str, str]]) -> str:
        lines = [f"select {x}::double as x, {y}::varchar as y, [{z}::float] as z" for x, y, z in rows]
        return " union all ".join([*lines, "select 1::double, '', [1::float] where false"])

    def named(rows: list[tuple[str, str, str]]) -> str:
        return f"select x, y, z from ({sql(rows)}) t(x, y, z)"

    assert equal(engine, named(a), named(b)) == (sorted(a) == sorted(b))
    assert equal(engine, named(a), named(a[::-1]))


def test_an_error_of_a_stream_is_raised_as_it_is(engine: DuckDBEngine) -> None:
    with engine.session() as session:
        build(session, A, "select 1 as x")
        table = session.read(A)
        broken = Table(table.columns, table.schema, (1 / 0 for _ in [0]))
        with pytest.raises(ZeroDivisionError):
            same_rows(session.read(A), broken)
