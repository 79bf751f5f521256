"""What is staged, put back and read: seen by its session alone, all at once or not at all, whole and in order."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pyarrow as pa
import pytest
from stamping import build, stamp

from fftcas.engines.base import EngineError
from fftcas.engines.duckdb.engine import DuckDBEngine
from fftcas.engines.duckdb.filling import VARIABLES
from fftcas.relation import RelationName, Stamp
from fftcas.table import Table

T, V = RelationName("t"), RelationName("v")


def test_a_table_is_replaced_while_it_is_being_read(engine: DuckDBEngine) -> None:
    with engine.session() as session:
        build(session, T, "select range as a from range(200000)")
        table = session.read(T)
        first = next(table.batches)
        build(session, T, "select 1 as other")
        assert first.num_rows + sum(batch.num_rows for batch in table.batches) == 200_000


def test_what_is_staged_is_seen_by_its_session_alone(engine: DuckDBEngine) -> None:
    with engine.session() as session, engine.session() as other:
        build(session, T, "select 1 as a")
        staged = session.stage_query(T, "select a + 1 as a, range as b from s.t, range(200000)")
        for old in (session.read(T), other.read(T)):
            assert sum(batch.num_rows for batch in old.batches) == 1
        new = session.read(staged)
        first = next(new.batches)
        made = stamp(T, staged)
        session.publish(staged, made)  # whatever was not read is left
        assert first.num_rows < 200_000
        assert list(new.batches) == []
        assert len(other.frame(T)) == 200_000
        assert engine.stamps() == {T: made}


def test_tables_take_their_places_at_once(engine: DuckDBEngine) -> None:
    with engine.session() as session, engine.session() as other:
        session.publish_view(V, "select 1 as old", stamp(V))
        with session.at_once():
            made = {T: build(session, T, "select 1 as a"), V: build(session, V, "select 2 as b")}
            assert engine.stamps().keys() <= {V}
            assert list(other.frame(V).columns) == ["old"]
        assert engine.stamps() == made
        assert list(other.frame(V)["b"]) == [2]
        with session.at_once():
            pass  # which is nothing
        build(session, T, "select 3 as a")
    assert engine.stamps().keys() == {T, V}


@pytest.mark.parametrize("second", ["select nothing", "select error('no') as a"])
def test_where_one_table_fails_none_takes_its_place(engine: DuckDBEngine, second: str) -> None:
    with engine.session() as session:
        made = build(session, T, "select 1 as a")

        def both(publish: bool = True) -> None:
            with session.at_once():
                build(session, V, "select 2 as a")
                staged = session.stage_query(T, "select 3 as a")
                if publish:
                    session.publish(staged, stamp(T, staged))
                build(session, RelationName("w"), second)

        with pytest.raises(EngineError, match="no"):
            both()
        assert engine.stamps() == {T: made}
        assert list(session.frame(T)["a"]) == [1]
        with pytest.raises(EngineError, match="t is staged, and not published yet"):
            both(publish=False)
        assert engine.stamps() == {T: made}
        build(session, V, "select 7 as a")  # the session is as good as new
    assert engine.stamps().keys() == {T, V}


def test_what_is_discarded_or_replaced_leaves_nothing(engine: DuckDBEngine) -> None:
    with engine.session() as session:
        made = build(session, T, "select 1 as a")
        staged = session.stage_query(T, "select range as a from range(200000)")
        next(session.read(staged).batches)
        session.discard()
        session.stage_query(T, "select 3 as a")
        last = session.stage_query(V, "select 4 as a")
        with pytest.raises(EngineError, match="t is not staged any more"):
            session.read(staged)
        session.publish(last, stamp(V, last))
        session.stage_query(T, "select 5 as a")  # and the session ends
    assert engine.stamps()[T] == made
    with pytest.raises(KeyError):
        stage_and_fail(engine)
    with engine.session() as session:
        assert list(session.frame(T)["a"]) == [1]


def stage_and_fail(engine: DuckDBEngine) -> None:
    with engine.session() as session:
        session.stage_query(T, "select 6 as a")
        raise KeyError


def test_a_table_is_made_of_the_view_whose_place_it_takes(engine: DuckDBEngine) -> None:
    with engine.session() as session:
        session.publish_view(V, "select 41 as a", stamp(V))
        build(session, V, "select a + 1 as a from s.v")
        assert list(session.frame(V)["a"]) == [42]


def test_tables_take_their_places_all_at_once_or_not_at_all(engine: DuckDBEngine) -> None:
    names = [RelationName(name, schema) for name, schema in (("a", None), ("b", "other"), ("c", None))]
    with engine.session() as session:
        engine.prepare(["other"])
        old = build(session, names[0], "select 0 as old")
        session.publish_view(names[2], "select 'old' as x", stamp(names[2]))
        engine.keep_view_texts([names[2]])
        staged = session.stage_query(T, "select range as n, 'x' || range as s from range(5)")
        source = build(session, T, "select range as n, 'x' || range as s from range(5)")

        def tables(fail: bool) -> Iterator[tuple[Table, Stamp]]:
            for name in names:
                yield session.read(T), stamp(name, staged)
            if fail:
                raise EngineError("no more")

        with pytest.raises(EngineError, match="no more"):
            session.publish_tables(tables(fail=True))
        assert engine.stamps() == {T: source, names[0]: old, names[2]: stamp(names[2])}
        session.publish_tables(tables(fail=False))
        assert engine.stamps() == {T: source, **{name: stamp(name, staged) for name in names}}
        for name in names:
            assert session.frame(name).equals(session.frame(T))


def test_a_table_that_is_called_like_a_variable_is_none(engine: DuckDBEngine) -> None:
    w = RelationName("w")
    engine.prepare(["main"])
    with engine.session() as session:
        build(session, T, "select 1 as a")
        build(session, V, "select 2 as a")
        for name in ("_fftcas_rows", "rows", "connection", "sql", "table"):
            for schema in (None, "main"):
                rows = RelationName(name, schema)
                for _ in range(2):  # the second time it is there before
                    session.publish_tables((session.read(source), stamp(x)) for x, source in ((rows, T), (w, V)))
                    assert session.frame(rows)["a"].tolist() == [1]
                    assert session.frame(w)["a"].tolist() == [2]


def test_after_tables_took_their_places_models_find_no_variables_and_are_optimised(engine: DuckDBEngine) -> None:
    with engine.session() as session:
        build(session, T, "select 1 as a")
        session.publish_tables([(session.read(T), stamp(V))])
        here = pa.table({"a": [1]})
        with pytest.raises(duckdb.CatalogException):
            session._cursor.execute("select * from here")
        assert not session.estimate(f"select * from {T} where false").scans
        with pytest.raises(EngineError, match="no more"):
            session.publish_tables(one_and_no_more(session.read(T)))
        with pytest.raises(duckdb.CatalogException):
            session._cursor.execute("select * from here")
        assert not session.estimate(f"select * from {T} where false").scans
        if VARIABLES:
            session._cursor.execute("PRAGMA disable_optimizer")
            assert session.estimate(f"select * from {T} where false").scans, "what it says when nothing is optimised"
    assert here.num_rows == 1


def one_and_no_more(table: Table) -> Iterator[tuple[Table, Stamp]]:
    yield table, stamp(V)
    raise EngineError("no more")


def test_order_of_rows_is_kept(engine: DuckDBEngine) -> None:
    with engine.session() as session:
        session._cursor.execute("set threads = 8")
        build(session, T, "select (range * 7919) % 300007 as a from range(300000)")
        staged = session.stage_table(V, session.read(T))
        assert session.frame(T)["a"].equals(session.frame(staged)["a"])


def test_an_error_of_the_stream_is_raised_as_it_is(engine: DuckDBEngine) -> None:
    class GoneError(Exception):
        pass

    def broken(table: Table) -> Iterator[pa.RecordBatch]:
        yield next(table.batches)
        raise GoneError

    with engine.session() as session:
        made = build(session, T, "select range as a from range(100000)")
        table = session.read(T)
        with pytest.raises(GoneError):
            session.stage_table(T, Table(table.columns, table.schema, broken(table)))
    assert engine.stamps() == {T: made}


def test_not_null_is_restored(engine: DuckDBEngine) -> None:
    with engine.session() as session:
        session._cursor.execute("create table s.t (a int not null, b int)")
        session._cursor.execute("insert into s.t values (1, null)")
        staged = session.stage_table(V, session.read(T))
        session.publish(staged, stamp(V, staged))
        assert [column.nullable for column in engine.describe(V) or ()] == [False, True]


def test_long_values_make_short_batches(engine: DuckDBEngine) -> None:
    with engine.session() as session:
        build(session, T, "select if(range = 5, repeat('x', 10_000_000), 'y') as a from range(100000)")
        batches = session.read(T).batches
        assert max(batch.num_rows for batch in batches) <= 2048
