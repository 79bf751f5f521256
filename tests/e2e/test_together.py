"""Small nodes that run together: each is told of, fails and counts as if it ran by itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest
from small import Small, new_small

from fftcas.build.decide import Decision
from fftcas.build.executor import Executor
from fftcas.build.options import BuildOptions
from fftcas.build.realise import Realiser
from fftcas.engines.base import Session, Staged
from fftcas.engines.duckdb import meta
from fftcas.errors import StoreError
from fftcas.project.nodes import Node
from fftcas.store import Store

COUNT = 20


@pytest.fixture
def wide(tmp_path: Path) -> Small:
    """A seed, and many models that read it."""
    small = new_small(tmp_path)
    small.models(**{f"m{i}": f"select id + {i} as id, grp from {{{{ ref('numbers') }}}}" for i in range(COUNT)})
    return small


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many nodes were run at once, time after time."""
    sizes: list[int] = []
    build = Realiser.build

    def counting(self: Realiser, *decisions: Decision) -> Any:
        sizes.append(len(decisions))
        return build(self, *decisions)

    monkeypatch.setattr(Realiser, "build", counting)
    return sizes


def test_they_give_what_each_gives_by_itself(wide: Small, built: list[int]) -> None:
    run = wide.run(options=BuildOptions(jobs=1))
    assert max(built) == COUNT
    assert {outcome.reason for outcome in run.outcomes} == {"first build"}
    assert [outcome.rows for outcome in run.outcomes] == [3] * (COUNT + 1)
    assert wide.sql("select sum(id) from w.m7") == [(6 + 3 * 7,)]
    assert set(wide.build().values()) == {"fresh"}


def test_they_have_one_thread_and_others_all(tmp_path: Path) -> None:
    small = new_small(tmp_path)
    threads = "current_setting('threads') as threads"
    with duckdb.connect() as connection:
        everything = connection.execute(f"select {threads}").fetchall()
    small.models(
        a=f"select {threads} from {{{{ ref('numbers') }}}} limit 1",
        b=f"select {threads} from {{{{ ref('numbers') }}}} limit 1",
        alone=f"select {threads} from {{{{ ref('a') }}}}",
    )
    small.run(options=BuildOptions(jobs=1))
    assert small.sql("from w.a union all from w.b") == [(1,)] * 2
    assert small.sql("from w.alone") == everything


def test_one_that_fails_leaves_the_others(wide: Small, built: list[int]) -> None:
    slow = "(select count(*) from range(5000000) r where hash(r.range) % 7 = 1)"
    failing = f"select error('no ' || {slow}) as id,\n  grp from {{{{ ref('numbers') }}}}"
    wide.models(m3=failing, above="select id from {{ ref('m3') }}")
    run = wide.run(options=BuildOptions(jobs=1, keep_going=True))
    statuses = {outcome.label.name: outcome.status.value for outcome in run.outcomes}
    assert statuses == {
        **{f"m{i}": "built" for i in range(COUNT) if i != 3},
        "numbers": "built",
        "m3": "failed",
        "above": "skipped",
    }
    (failed,) = [outcome for outcome in run.outcomes if outcome.error]
    error = failed.error
    assert error is not None
    assert failed.seconds > 0.001  # it is told how long it ran
    assert str(error.where).startswith("models/m3.ff.sql")
    assert wide.sql("select count(*) from w.m19") == [(3,)]
    assert max(built) == COUNT
    wide.models(m3="select id, grp from {{ ref('numbers') }}")
    assert {name for name, status in wide.build().items() if status != "fresh"} == {"m3", "above"}


def test_a_failure_stops_the_run(wide: Small) -> None:
    """What ran before it is kept, and what comes after it is not begun."""
    wide.models(m3="select error('no') as id from {{ ref('numbers') }}")
    run = wide.run(options=BuildOptions(jobs=1))
    statuses = {outcome.label.name: outcome.status.value for outcome in run.outcomes}
    kept = {name for name, status in statuses.items() if status == "built"}
    assert statuses["m3"] == "failed"
    assert set(statuses.values()) == {"built", "failed", "skipped"}
    wide.models(m3="select id from {{ ref('numbers') }}")
    assert {name for name, status in wide.build().items() if status == "fresh"} == kept


def test_nobody_is_blamed_for_another_one(wide: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where what ran before a failure cannot be put in place again, that is what its nodes are told to fail by."""

    def broken(*_: object) -> None:
        raise StoreError("the disk is full")

    wide.models(m3="select error('no') as id from {{ ref('numbers') }}")
    monkeypatch.setattr(Realiser, "put_again", broken)
    run = wide.run(options=BuildOptions(jobs=1, keep_going=True))
    errors = {outcome.label.name: outcome.error.what for outcome in run.outcomes if outcome.error}
    assert errors.pop("m3").endswith("no")
    assert set(errors.values()) == {"the disk is full"}


def test_a_node_that_fails_is_not_run_again(wide: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []
    make = Executor.make

    def noting(self: Executor, session: Session, node: Node) -> Staged:
        ran.append(node.label.name)
        return make(self, session, node)

    monkeypatch.setattr(Executor, "make", noting)
    wide.models(m3="select error('no') as id from {{ ref('numbers') }}")
    wide.run(options=BuildOptions(jobs=1, keep_going=True))
    assert sorted(ran) == sorted([f"m{i}" for i in range(COUNT)] + ["numbers"])


def test_the_store_and_the_database_fail(wide: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the end of what runs together nothing is anybody's fault: all fail, or are put in place after all."""

    def broken(*_: object) -> None:
        raise StoreError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(Store, "commit_all", broken)
        run = wide.run(options=BuildOptions(jobs=1, keep_going=True))
        assert run.exit_code == 1
        assert {str(outcome.error.what) for outcome in run.outcomes if outcome.error} == {"the disk is full"}
        assert "built" not in {outcome.status.value for outcome in run.outcomes}
    with monkeypatch.context() as patch:
        write, calls = meta.write, iter(range(100))

        def once(*arguments: Any) -> None:
            if next(calls) == 1:
                raise duckdb.TransactionException("conflict")
            write(*arguments)

        patch.setattr(meta, "write", once)
        assert set(wide.build().values()) == {"built"}
    assert set(wide.build().values()) == {"fresh"}


def test_an_interrupt_ends_it_and_keeps_what_was_finished(wide: Small) -> None:
    slow = "(select sum(hash(r.range + n.id) % 7) from range(3000000000) r)"
    wide.models(**{f"slow{i}": f"select {slow} as s from {{{{ ref('numbers') }}}} n where n.id = 1" for i in range(8)})
    command = [sys.executable, "-m", "fftcas", "build", "-e", "dev", "--jobs", "1"]
    environment = {**os.environ, "FFTCAS_STORE": str(wide.folder / "store")}
    with subprocess.Popen(command, cwd=wide.root, env=environment, stderr=subprocess.PIPE, text=True) as process:
        time.sleep(4)
        process.send_signal(signal.SIGINT)
        started = time.monotonic()
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "")
    assert time.monotonic() - started < 20
    wide.models(**{f"slow{i}": "select 1 as s" for i in range(8)})
    built = {name for name, status in wide.build().items() if status == "built"}
    assert built <= {f"slow{i}" for i in range(8)}


def test_views_become_tables_and_tables_views(wide: Small) -> None:
    for kind in ("view", "table", "view"):
        head = f"{{{{ config(materialized='{kind}') }}}}\n"
        wide.models(**{f"m{i}": f"{head}select id, {i} as n from {{{{ ref('numbers') }}}}" for i in range(5)})
        assert "failed" not in wide.build().values()
        assert wide.sql("select count(*) from duckdb_tables() where table_name like '__fftcas%'") == [(0,)]
        found = wide.sql(
            f"select count(*) from duckdb_{kind}s() where schema_name = 'w' and regexp_matches({kind}_name, 'm[0-4]$')"
        )
        assert found == [(5,)]


def test_slow_ones_do_not_hold_up_what_is_done(wide: Small, built: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fftcas.build.realise.AT_ONCE", 0.0)
    assert set(wide.build().values()) == {"built"}
    assert len(built) == COUNT + 1  # after each of them time is up
    assert set(wide.build().values()) == {"fresh"}


def test_the_first_of_a_new_profile_is_compared_with_what_there_was_before_its_run(tmp_path: Path) -> None:
    small = new_small(tmp_path)
    for value in (9, 7, 9):
        small.write("seeds/numbers.csv", f"id,val\n1,{value}\n")
        small.build()
    assert small.outcome("numbers", profile="prod").reason == "profile dev → prod, 1 row changed (val)"
