"""Staging, publishing and stamping relations in DuckDB, as a person finds them who opens the file alone."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from stamping import build, stamp, start

from fftcas.engines import database_state
from fftcas.engines.base import EngineError
from fftcas.engines.duckdb import engine as engine_module
from fftcas.engines.duckdb.engine import DuckDBEngine
from fftcas.engines.duckdb.session import DuckDBSession
from fftcas.errors import ProjectError
from fftcas.relation import RelationName

T, V = RelationName("t"), RelationName("v")


def query(path: str, sql: str) -> list[tuple[object, ...]]:
    with duckdb.connect(path) as connection:
        rows: list[tuple[object, ...]] = connection.execute(sql).fetchall()
        return rows


@pytest.mark.parametrize("name", ["nothing", "main", "s"])
@pytest.mark.parametrize("schema", ["main", "s", "S x"])
def test_a_database_that_is_not_there_has_no_stamps(tmp_path: Path, name: str, schema: str) -> None:
    options = {"path": str(tmp_path / f"{name}.duckdb"), "schema": schema}
    for read_only in (True, False):
        made = DuckDBEngine(options, read_only=read_only)
        assert made.stamps() == {}
        made.close()


def test_a_published_table_is_there_with_its_stamp(engine: DuckDBEngine, path: str) -> None:
    with engine.session() as session:
        made = build(session, T, "select 1 as a, 'x' as b")
    assert engine.stamps() == {T: made}
    assert [column.type for column in engine.describe(T) or ()] == ["INTEGER", "VARCHAR"]
    engine.close()
    assert query(path, "from s.t") == [(1, "x")]
    contract = "select node_name, relation, fingerprint, engine, built_at::varchar from s._ff_meta"
    assert query(path, contract) == [("t.ff", "t", "f" * 64, "duckdb", "2026-01-02 03:04:05.6789")]


def test_whatever_stands_in_its_place_gives_way(engine: DuckDBEngine) -> None:
    with engine.session() as session:
        build(session, T, "select 1 as a")
        session.publish_view(T, "select 2 as b", stamp(T))
        assert session.frame(T)["b"].tolist() == [2]
        build(session, T, "select 3 as c")
        session.publish_view(RelationName("T"), "select 4 as d", stamp(RelationName("T")))
        assert len(session._cursor.execute("from s._ff_meta").fetchall()) == 1


def test_a_stamp_is_no_longer_believed_when_its_relation_changed(engine: DuckDBEngine) -> None:
    changes = {
        "rows": "delete from s.rows where a = 1",
        "columns": "alter table s.columns add column z int",
        "types": "alter table s.types alter a type bigint",
        "gone": "drop table s.gone",
        "flipped": "drop table s.flipped; create view s.flipped as select 1 as a",
    }
    with engine.session() as session:
        kept = build(session, T, "select 1 as a")
        for name, change in changes.items():
            build(session, RelationName(name), "select unnest([1, 2]) as a")
            assert RelationName(name) in engine.stamps()
            session._cursor.execute(change)
    assert engine.stamps() == {T: kept}


def test_relations_of_other_schemas_have_stamps_too(engine: DuckDBEngine) -> None:
    relation = RelationName("t", "other")
    with engine.session() as session:
        here, there = build(session, T, "select 1 as a"), build(session, relation, "select 2 as a")
    assert engine.stamps() == {T: here, relation: there}


def test_a_query_that_fails_leaves_everything_as_it_was(engine: DuckDBEngine) -> None:
    with engine.session() as session:
        made = build(session, T, "select 1 as a")
        with pytest.raises(EngineError) as failed:
            session.stage_query(T, "select 1,\n  nope\nfrom s.t")
        assert (failed.value.line, failed.value.caret) == (2, "  nope\n  " + (failed.value.caret or "").split()[-1])
        assert 'column "nope" not found' in failed.value.message
        with pytest.raises(EngineError, match="Could not convert"):
            session.stage_query(T, "select 'x'::int from range(9)")
        with pytest.raises(EngineError):
            session.publish_view(T, "select * from s.nothing", stamp(T))
        left = "select table_name from duckdb_tables() where starts_with(table_name, '__fftcas')"
        assert session._cursor.execute(left).fetchall() == []
    assert engine.stamps() == {T: made}


def uses(session: DuckDBSession, sql: str) -> list[Callable[[], object]]:
    """All that is done with a model's text."""
    stage, publish = partial(session.stage_query, V), partial(session.publish_view, V, stamp=stamp(V))
    return [partial(stage, sql), partial(publish, sql), partial(session.estimate, sql)]


@pytest.mark.parametrize(
    "sql",
    [
        "with x as (insert into s.t values (2) returning a) select * from x",
        "with x as materialized (with y as (delete from s.t returning a) from y) from x",
        "select (with x as (update s.t set a = 3 returning a) select max(a) from x)",
    ],
)
def test_a_query_changes_no_table(engine: DuckDBEngine, sql: str) -> None:
    with engine.session() as session:
        build(session, T, "select 1 as a")
        for act in uses(session, sql):
            with pytest.raises(EngineError, match=r"one SELECT|needs a SELECT"):  # DuckDB 1.4 has no such queries
                act()
        assert session._cursor.execute("from s.t").fetchall() == [(1,)]


@pytest.mark.parametrize(
    "sql", ["select 1; select 2", "drop table s.t", "select 1; drop table s.t", "", "-- nothing", "/* nothing */"]
)
def test_only_one_query_is_accepted(engine: DuckDBEngine, sql: str) -> None:
    with engine.session() as session:
        build(session, T, "select 1 as a")
        for act in uses(session, sql):
            with pytest.raises(EngineError, match="one SELECT"):
                act()
    assert set(engine.stamps()) == {T}


@pytest.mark.parametrize(
    "sql",
    [
        "select 1 as a with no data",
        "select 1 as a) with no data --",
        "select 1 as a); drop table s.t; (select 2",
        "select 1 as a) union all (select random()",
        "select 1 as a) limit (0",
    ],
)
def test_what_makes_a_query_of_itself_only_in_our_statement_is_refused(engine: DuckDBEngine, sql: str) -> None:
    with engine.session() as session:
        build(session, T, "select 1 as a")
        with pytest.raises(EngineError):
            session.stage_query(V, sql)
    assert set(engine.stamps()) == {T}


@pytest.mark.parametrize(
    "sql",
    [
        "from s.t",
        "with x as (from s.t) select * from x;",
        "values (1) -- end",
        "pivot s.t on a using count(*)",
        "(select 1 as a)",
    ],
)
def test_every_kind_of_query_is_accepted(engine: DuckDBEngine, sql: str) -> None:
    with engine.session() as session:
        build(session, T, "select 1 as a")
        assert session.stage_query(V, sql).rows == 1


def test_bare_names_are_found_in_the_profiles_schema(engine: DuckDBEngine, path: str) -> None:
    with engine.session() as session:
        build(session, T, "select 7 as a")
        session.publish_view(V, "select a from t", stamp(V))
    engine.close()
    assert query(path, "from s.v") == [(7,)]


@pytest.mark.parametrize("schema", ["s", "db", "DB", "main"])
@pytest.mark.parametrize("stem", ["db", "main", "a b", "x.y"])
def test_who_opens_the_file_alone_finds_everything_working(tmp_path: Path, stem: str, schema: str) -> None:
    file = str(tmp_path / f"{stem}.duckdb")
    engine = start(file, schema)
    t, v = engine.quote(T), engine.quote(V)
    with engine.session() as session:
        build(session, T, "select 7 as a")
        session.publish_view(V, f"with t as (select * from {t}) select t.a, '{t}' as text from t", stamp(V))
        session.publish_view(RelationName("w"), f"select * from {v}", stamp(RelationName("w")))
    assert set(engine.stamps()) == {T, V, RelationName("w")}
    engine.close()
    assert query(file, f"from {engine.quote(RelationName('w'))}") == [(7, t)]
    if stem not in {schema.lower(), "main"}:
        Path(file).rename(tmp_path / "renamed.duckdb")
        assert query(str(tmp_path / "renamed.duckdb"), f"from {engine.quote(RelationName('w'))}") == [(7, t)]


def test_a_view_whose_table_would_be_caught_is_refused(tmp_path: Path) -> None:
    engine = start(str(tmp_path / "db.duckdb"), "db")
    with engine.session() as session:
        build(session, T, "select 7 as a")
        with pytest.raises(EngineError, match="common table expression"):
            session.publish_view(V, f"with t as (select 8) select * from {engine.quote(T)}", stamp(V))
    engine.close()


@pytest.mark.skipif(duckdb.__version__.startswith("1."), reason="DuckDB 1 makes such views")
def test_a_view_on_a_schema_that_is_called_like_the_database_is_told_what_to_do(tmp_path: Path) -> None:
    path = str(tmp_path / "raw.duckdb")
    query(path, "create schema raw.raw; create table raw.raw.t as select 7 as a")
    engine = start(path)
    with engine.session() as session, pytest.raises(EngineError, match="Ambiguous reference") as found:
        session.publish_view(V, f"from {engine.quote(RelationName('t', 'raw'))}", stamp(V))
    engine.close()
    assert found.value.hint == "call the database file otherwise than the schema 'raw'"


def test_leftovers_of_a_killed_run_are_dropped(path: str) -> None:
    engine = start(path)
    with engine.session() as session:
        session.stage_query(T, "select 1 as a")
        session.stage_query(RelationName("t", "other"), "select 1 as a")
    engine.close()
    engine = start(path)
    engine.close()
    assert query(path, "select table_name from duckdb_tables()") == [("_ff_meta",)]


def test_a_foreign_table_of_stamps_keeps_its_rows(path: str) -> None:
    Path(path).parent.mkdir()
    query(path, "create schema s")
    query(
        path,
        """create table s._ff_meta (node_name varchar primary key, relation varchar, fp varchar not null,
           engine varchar, built_at timestamp default now(), note int)""",
    )
    query(path, "insert into s._ff_meta values ('t.ff', 't', 'abc', 'duckdb', '2020-01-01', 5)")
    engine = start(path)
    with engine.session() as session:
        made = build(session, T, "select 1 as a")
    assert engine.stamps() == {T: made}
    engine.prepare([])
    engine.close()
    old = "select node_name, relation, fp, built_at::varchar, note from s._ff_meta where fp is not null"
    assert query(path, old) == [("t.ff", "t", "abc", "2020-01-01 00:00:00", 5)]
    assert query(path, "select count(*) from s._ff_meta") == [(2,)]


def test_preparing_what_is_prepared_writes_nothing(path: str) -> None:
    start(path).close()
    before = database_state("duckdb", {"path": path})
    engine = start(path)
    assert engine.stamps() == {}
    engine.close()
    assert database_state("duckdb", {"path": path}) == before is not None


def test_many_sessions_build_at_once(engine: DuckDBEngine) -> None:
    def work(number: int) -> None:
        with engine.session() as session:
            for turn in range(3):
                build(session, RelationName(f"t{number}"), f"select range as a, {turn} as b from range({number})")
                session.publish_view(RelationName(f"v{number}"), f"from s.t{number}", stamp(RelationName(f"v{number}")))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(12)))
    assert len(engine.stamps()) == 24
    with engine.session() as session:
        assert session._cursor.execute("select count(*) from s._ff_meta").fetchall() == [(24,)]


def test_frames_of_views_and_of_some_columns(engine: DuckDBEngine) -> None:
    with engine.session() as session:
        build(session, T, "select 1.50::decimal(9,2) as d, date '2024-01-02' as \"the day\", null::int as n")
        session.publish_view(V, "from s.t", stamp(V))
        frame = session.frame(V)
        assert [str(kind)[:10] for kind in frame.dtypes] == ["float64", "datetime64", "Int32"]
        assert list(session.frame(V, ["the day"]).columns) == ["the day"]


def test_arrow_data_gets_the_engines_types(engine: DuckDBEngine) -> None:
    data = pa.table(
        {
            "i": pa.array([1, None]),
            "s": ["007", "x"],
            "n": pa.array(["1", " 2"]),
            "h": pa.array([1.5, None], pa.float16()),
            "w": pa.array([None, 1], pa.decimal256(50, 2)),
        }
    )
    with engine.session() as session:
        staged = session.stage_arrow(T, data, {"n": "int", "i": "double"})
        kinds = [column.type for column in staged.columns]
        assert kinds == ["DOUBLE", "VARCHAR", "INTEGER", "FLOAT", "DECIMAL(38,2)"]


@pytest.mark.parametrize(
    ("types", "message"),
    [
        ({"s": "integer"}, "column 's' is declared INTEGER, but the value 'x1' is none"),
        ({"s": "no_such"}, "column 's' cannot be of type no_such"),
        ({"nope": "integer"}, "there is no column 'nope'"),
        ({"f": "integer"}, "column 'f' is declared INTEGER, but the value '1.5' is none"),
        ({"s": "int) as a, (select 1"}, "cannot be of type"),
    ],
)
def test_a_value_that_is_none_of_its_type_is_named(engine: DuckDBEngine, types: dict[str, str], message: str) -> None:
    data = pa.table({"s": ["1", "x1", None], "f": [1.0, 1.5, None]})
    with engine.session() as session, pytest.raises(EngineError) as failed:
        session.stage_arrow(T, data, types)
    assert message in str(failed.value)


def test_a_statement_is_interrupted_from_another_thread(engine: DuckDBEngine) -> None:
    with engine.session() as session:
        threading.Timer(0.3, session.interrupt).start()
        started = time.monotonic()
        with pytest.raises(EngineError, match=r"(?i)interrupted"):
            session.stage_query(T, "select count(*) as n from range(9999999) a, range(9999999) b where hash(a, b) = 0")
        assert time.monotonic() - started < 10
        assert session.stage_query(T, "select 1 as a").rows == 1


def stage_until_interrupted(session: DuckDBSession, rows: int, after: float) -> None:
    """Stage the same table again and again, and send the signal of a keyboard interrupt meanwhile."""
    threading.Timer(after, os.kill, (os.getpid(), signal.SIGINT)).start()
    until = time.monotonic() + 10
    while time.monotonic() < until:
        session.stage_query(T, f"select sum(hash(range)) as n from range({rows})")


def test_an_interrupt_from_the_keyboard_stays_one_while_a_statement_runs(engine: DuckDBEngine) -> None:
    with engine.session() as session:
        with pytest.raises(KeyboardInterrupt):
            stage_until_interrupted(session, rows=1_000_000, after=0.3)
        assert session.stage_query(T, "select 1 as a").rows == 1


def test_no_interrupt_is_lost_that_hits_the_end_of_a_transaction(engine: DuckDBEngine) -> None:
    gc.disable()  # Python drops an exception in a callback of the collector's, of which Hypothesis has one
    try:
        for _ in range(20):  # of so many, one or two hit a ROLLBACK
            with pytest.raises(KeyboardInterrupt), engine.session() as session:
                stage_until_interrupted(session, rows=10_000, after=0.03)
    finally:
        gc.enable()


def test_the_process_that_holds_the_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "db.duckdb"
    code = f"import duckdb, time; c = duckdb.connect({str(path)!r}); print('open', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        monkeypatch.setattr(engine_module, "WAIT_SECONDS", 0.2)
        with pytest.raises(EngineError, match=f"process {holder.pid} .* has the database .*db.duckdb open") as failed:
            start(str(path))
        assert f"kill {holder.pid}" in str(failed.value)
        monkeypatch.setattr(engine_module, "WAIT_SECONDS", 30)
        threading.Timer(0.3, holder.kill).start()
        start(str(path)).close()


def test_a_file_that_is_no_database_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "db.duckdb").write_text("no database at all" * 1000)
    with pytest.raises(ProjectError, match=r"db.duckdb cannot be opened") as failed:
        start(str(tmp_path / "db.duckdb"))
    assert "not a valid DuckDB database file" in str(failed.value)
    (tmp_path / "file").write_text("")
    with pytest.raises(ProjectError, match="cannot make the directory"):
        start(str(tmp_path / "file" / "x" / "db.duckdb"))
