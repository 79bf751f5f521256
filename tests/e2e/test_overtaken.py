"""Another process writes to the database while a run waits for it: what the run knew of it before is not believed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from small import Small, new_small

from fftcas.build.options import BuildOptions
from fftcas.build.run import build
from fftcas.cli.look import RACY_NS, Look
from fftcas.cli.remembering import remember_build
from fftcas.report.console import Console

SECONDS = 1.5
"""Another process has the database for so long that a run has looked at everything and waits for it."""

HOLD = """
import sys, time, duckdb
with duckdb.connect(sys.argv[1]) as connection:
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
    connection.execute(sys.argv[3])
"""


@contextmanager
def writing(small: Small, statement: str) -> Iterator[None]:
    """Meanwhile another process has the database, and writes to it in the end."""
    command = [sys.executable, "-c", HOLD, str(small.database), str(SECONDS), statement]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield
    assert process.returncode == 0


def fftcas(small: Small, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "fftcas", *arguments]
    environment = {**os.environ, "FFTCAS_STORE": str(small.folder / "store")}
    return subprocess.Popen(command, cwd=small.root, env=environment, stdout=subprocess.PIPE, text=True)


@pytest.fixture
def small(tmp_path: Path) -> Small:
    """It reads a table that others write."""
    small = new_small(tmp_path)
    small.write("sources.yml", "version: 2\nsources: [{name: crm, schema: w, tables: [{name: users}]}]\n")
    small.models(total="select sum(id) as s from {{ source('crm', 'users') }}", other="select 1 as x")
    small.sql("create schema w; create table w.users as select 1 as id")
    small.build()
    return small


def test_a_source_that_was_written_meanwhile(small: Small) -> None:
    small.models(total="select sum(id) as s from {{ source('crm', 'users') }} where true")
    with writing(small, "update w.users set id = 100"):
        assert small.build() == {"numbers": "fresh", "other": "fresh", "total": "built"}
    assert small.sql("from w.total") == [(100,)]
    assert set(small.build().values()) == {"fresh"}
    small.sql("update w.users set id = 1")
    assert small.built() == {"total"}
    assert small.sql("from w.total") == [(1,)]


def test_a_table_that_was_written_meanwhile_is_not_called_fresh(small: Small) -> None:
    small.models(last="select 2 as x")
    with writing(small, "update w.other set x = 9"):
        build = fftcas(small, "build")
        out, _ = build.communicate(timeout=60)
    assert build.returncode == 0
    told = {label: status for status, label, *_ in map(str.split, out.splitlines()[:-1])}
    assert told == {"//seeds:numbers": "fresh", "//:total": "fresh", "//:other": "restored", "//:last": "built"}
    assert small.sql("from w.other") == [(1,)]


def test_two_builds_at_once(small: Small) -> None:
    """The second one looks at the database while the first one is at it, with other variables."""
    slow = f"import time\n@model(name='slow')\ndef slow():\n    time.sleep({SECONDS} * var('k', 1) - {SECONDS})\n"
    small.python(slow=f"{slow}    return pd.DataFrame({{'x': [1]}})")
    small.models(v="select {{ var('k', 1) }} as k from {{ ref('slow') }}", above="select k from {{ ref('v') }}")
    small.build()
    small.models(above="select k + 0 as k from {{ ref('v') }}")
    first = fftcas(small, "build", "v", "slow", "--vars", "k=2")
    time.sleep(SECONDS * 2 / 3)
    second = fftcas(small, "build")
    assert (first.wait(60), second.wait(60)) == (0, 0)
    assert small.sql("from w.v, w.above") == [(1, 1)]
    assert set(small.build().values()) == {"fresh"}


def test_a_restore(small: Small) -> None:
    with small.store() as store:
        (run,) = store.runs(str(small.root), 1)
    small.models(other="select 2 as x")
    small.build()
    with writing(small, "update w.total set s = 7"):
        done = fftcas(small, "restore", "--run", run.run_id)
        assert done.wait(60) == 0
    assert small.sql("from w.total, w.other") == [(1, 1)]


@pytest.mark.parametrize("overtaken", [False, True])
def test_what_is_remembered_is_of_the_database_that_was_decided_on(small: Small, overtaken: bool) -> None:
    """Another build has come before all that the first one says is remembered: it has rewritten database and record."""
    small.models(v="select {{ var('k', 1) }} as k")
    small.build()
    (small.root / ".fftcas").mkdir()
    time.sleep(RACY_NS / 1e9 + 0.1)
    look, project = Look(["build"], str(small.root)), small.load()
    with small.store() as store:
        run = build(project, tuple(project.graph), store, BuildOptions())
        assert {outcome.status.value for outcome in run.outcomes} == {"fresh"}
        if overtaken:
            build(small.load(k=2), tuple(project.graph), store, BuildOptions())
        remember_build(look, project, store, BuildOptions(), run, Console((), verbosity=-1), "{}", "")
    assert (look.recall() is None) is overtaken
