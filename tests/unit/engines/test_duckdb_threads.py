"""How many threads DuckDB has, which is a setting of the whole database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from fftcas.engines.duckdb.engine import DuckDBEngine
from fftcas.engines.duckdb.session import DuckDBSession
from fftcas.relation import RelationName
from fftcas.store import measure_table

T, U = RelationName("t"), RelationName("u")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[DuckDBEngine]:
    with closing(DuckDBEngine({"path": str(tmp_path / "a.duckdb")})) as opened:
        opened.prepare([])
        opened._threads._all = 4  # however many this machine has
        yield opened


def threads(session: DuckDBSession) -> int:
    (row,) = session._cursor.execute("SELECT current_setting('threads')").fetchall()
    return int(row[0])


def test_one_is_enough_unless_someone_else_has_all(engine: DuckDBEngine) -> None:
    with engine.session(one_thread=True) as one:
        assert threads(one) == 1
        with engine.session() as large:
            assert threads(large) == 4
            with engine.session(one_thread=True) as another:
                assert threads(another) == 4  # to end them would mean to wait for the large statement
        assert threads(one) == 4
    with engine.session(one_thread=True) as one:
        assert threads(one) == 1
    with engine.session() as large:
        assert threads(large) == 4


def test_they_are_not_ended_while_a_small_statement_may_have_spread_to_them(engine: DuckDBEngine) -> None:
    with ExitStack() as small:
        with engine.session():
            spread = small.enter_context(engine.session(one_thread=True))
        with engine.session(one_thread=True) as another:
            assert threads(another) == threads(spread) == 4


def test_all_are_given_back_after_an_error(engine: DuckDBEngine) -> None:
    with pytest.raises(KeyError), engine.session():
        raise KeyError
    with engine.session(one_thread=True) as one:
        assert threads(one) == 1


def test_one_thread_gives_the_rows_in_one_order(engine: DuckDBEngine) -> None:
    with engine.session(one_thread=True) as session:
        groups = "select 'x' || (range % 977) as g, sum(range) as s from range(20000) group by all"
        outputs = {measure_table(session.read(session.stage_query(name, groups))).output for name in [T, U] * 5}
    assert len(outputs) == 1
