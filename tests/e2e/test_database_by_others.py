"""Others make, change and move what lies in the target database: what a run remembers of it stays true."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from small import Small, new_small

from fftcas.build.options import BuildOptions
from fftcas.cli.watched import watch

SOURCES = "version: 2\nsources:\n  - name: crm\n    schema: w\n    tables: [{name: users}]\n"
READS_SOURCE = "select * from {{ source('crm', 'users') }}"
READS_BARE_NAME = "select * from w.users"


@pytest.fixture
def small(tmp_path: Path) -> Small:
    small = new_small(tmp_path)
    small.models(one="select 1 as x")
    small.build()
    return small


@pytest.mark.parametrize("text", [READS_SOURCE, READS_BARE_NAME])
def test_a_view_of_files_that_is_a_source_is_read_in_every_run(small: Small, text: str) -> None:
    data = small.folder / "users.csv"
    data.write_text("x\n1\n")
    small.sql(f"create view w.users as from read_csv('{data}')")
    small.write("sources.yml", SOURCES)
    small.models(two=text)
    assert small.built() == {"two"}
    assert small.built() == set()
    assert small.run().files == ("w.users",)  # what is read there cannot be watched
    data.write_text("x\n2\n")
    assert small.built() == {"two"}
    assert small.sql("from w.two") == [(2,)]


def test_a_change_that_neither_size_nor_times_tell(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.stat

    def coarse(path: Any, **how: Any) -> Any:
        found = real(path, **how)
        if str(path) != str(small.database):
            return found
        times = dict.fromkeys(("st_mtime_ns", "st_ctime_ns"), 0)
        same = {name: getattr(found, name) for name in ("st_mode", "st_dev", "st_ino", "st_size")}
        return SimpleNamespace(**same, **times)

    small.sql("create table w.users as select range as x from range(10)")
    small.write("sources.yml", SOURCES)
    small.models(two=READS_SOURCE)
    monkeypatch.setattr(os, "stat", coarse)
    for _ in range(3):  # until the file has its size
        small.sql("update w.users set x = x + 1")
        small.build()
    before, size = watch([str(small.database)]), small.database.stat().st_size
    small.sql("update w.users set x = x + 100")
    assert small.database.stat().st_size == size
    assert watch([str(small.database)]) != before
    assert small.built() == {"two"}
    assert small.built() == set()


def test_a_view_of_a_model_that_is_a_source_is_read_again_when_the_model_has_changed(small: Small) -> None:
    small.sql("create view w.users as from w.one")
    small.write("sources.yml", SOURCES)
    small.models(two=READS_SOURCE)
    small.build()
    small.models(one="select 2 as x")
    small.build()  # may come to `two` before `one`, of which it does not know that it reads it
    small.build()
    assert small.sql("from w.two") == [(2,)]


def test_a_source_that_is_a_seed_for_a_while(small: Small) -> None:
    """As when branches are switched."""
    small.sql("create table w.users as select 1 as id")
    small.write("sources.yml", SOURCES)
    small.models(total="select sum(id) as s from {{ source('crm', 'users') }}")
    small.build()
    small.write("sources.yml", None)
    small.write("models/total.ff.sql", None)
    small.write("seeds/users.csv", "id\n5\n")
    assert small.built() == {"users"}
    small.write("seeds/users.csv", None)
    small.write("sources.yml", SOURCES)
    small.models(total="select sum(id) as s from {{ source('crm', 'users') }}")
    assert small.built() == {"total"}
    assert small.sql("from w.total") == [(5,)]


def test_a_database_behind_a_link(small: Small) -> None:
    kept = small.folder / "elsewhere" / "kept.duckdb"
    kept.parent.mkdir()
    small.database.rename(kept)
    small.database.symlink_to(kept)
    small.models(two="{{ config(materialized='view') }} select x + 1 as x from {{ ref('one') }}")
    assert small.built() == {"two"}
    assert small.build() == {"numbers": "fresh", "one": "fresh", "two": "fresh"}
    change = f"import duckdb, os; duckdb.connect({str(small.database)!r}).execute('update w.one set x = 9')"
    ended = subprocess.run([sys.executable, "-c", f"{change}; os.kill(os.getpid(), {signal.SIGKILL})"])
    assert ended.returncode == -signal.SIGKILL  # what was written is in the log, wherever that is
    assert small.build() == {"numbers": "fresh", "one": "restored", "two": "fresh"}
    assert small.sql("from w.two") == [(2,)]
    other = kept.with_name("other.duckdb")
    other.write_bytes(kept.read_bytes())
    small.database.unlink()
    small.database.symlink_to(other)
    small.sql("update w.one set x = 9")
    assert small.build() == {"numbers": "fresh", "one": "restored", "two": "fresh"}


VIEW = "{{ config(materialized='view') }} select x + 1 as x from {{ ref('one') }}"
FRESH = {"numbers": "fresh", "one": "fresh", "two": "fresh", "three": "fresh"}


@pytest.fixture
def views(small: Small) -> Small:
    """With a view, and another one that reads it."""
    small.models(two=VIEW, three="{{ config(materialized='view') }} select x from {{ ref('two') }} where x > 0")
    small.build()
    return small


@pytest.mark.parametrize(
    "statement",
    [
        "create or replace view w.two as select 9 as x",
        "create or replace view w.two as select x + 2 as x from w.one",
        "drop view w.two; create view w.two as from range(3) t(x)",
    ],
)
def test_a_view_that_someone_has_replaced_is_put_back(views: Small, statement: str) -> None:
    views.sql(statement)
    assert views.why("two").reason == "another view was there"
    assert views.build() == {**FRESH, "two": "restored"}
    assert views.sql("from w.three") == [(2,)]
    assert views.build() == FRESH


def test_views_stay_when_someone_writes_something_else(views: Small) -> None:
    views.sql("create table w.other as select 1 as x")
    assert views.build() == FRESH
    views.sql(
        "create or replace view w.two as "
        + views.sql("select sql from duckdb_views() where view_name = 'two'")[0][0].partition(" AS ")[2]
    )
    assert views.build() == FRESH


def test_a_view_of_which_no_text_was_kept_is_made_again(views: Small) -> None:
    views.sql("update w._ff_meta set view_text = null where relation = 'two'")
    assert views.build() == {**FRESH, "two": "restored"}
    views.sql("alter table w._ff_meta drop column view_text")  # as earlier versions left it
    assert {views.why(name).fresh for name in ("two", "three")} == {False}
    assert views.build() == {**FRESH, "two": "restored", "three": "restored"}
    assert views.build() == FRESH


def test_views_where_database_and_schema_have_one_name(tmp_path: Path) -> None:
    small = new_small(tmp_path)
    small.write("profiles.yml", "dev: {engine: duckdb, duckdb: {path: warehouse.duckdb, schema: warehouse}}")
    small.models(one="select 1 as x", two=VIEW)
    small.build()
    small.sql("create table warehouse.warehouse.other as select 1 as x")
    assert small.build() == {"numbers": "fresh", "one": "fresh", "two": "fresh"}
    elsewhere = small.database.rename(small.root / "elsewhere.duckdb")
    assert small.build(environ={"FF_DUCKDB_PATH": elsewhere.name})["two"] == "restored"  # two parts are a name there
    elsewhere.rename(small.database)
    assert small.build()["two"] == "restored"
    assert small.sql("from warehouse.warehouse.two") == [(2,)]


def test_a_table_of_stamps_that_is_not_ours_is_told_of_nothing(views: Small) -> None:
    views.sql("drop table w._ff_meta; create table w._ff_meta as select 'one' as relation, 'abc' as fingerprint")
    assert views.why("one").reason == "the table was not there"
    assert views.build() == dict.fromkeys(FRESH, "restored")
    assert views.build() == FRESH


def test_stamps_that_someone_has_altered_are_not_believed(views: Small) -> None:
    views.sql("update w._ff_meta set fingerprint = 'zz', output = 'zz'")
    views.models(one="select 2 as x")
    assert views.why("one").verdict == "build"
    assert views.build() == {**FRESH, "numbers": "restored", "one": "built"}


def test_what_is_wrong_with_data_is_told_with_its_file(small: Small) -> None:
    small.write("sources.yml", SOURCES)
    small.models(total=READS_SOURCE)
    small.write("seeds/schema.yml", "columns: {numbers: {note: integer}}")
    outcomes = small.run(options=BuildOptions(keep_going=True)).outcomes
    places = {each.label.text: str(each.error.where) for each in outcomes if each.error}
    assert places == {"@crm//:users": "sources.yml:5", "//seeds:numbers": "seeds/numbers.csv"}


def test_sources_that_were_not_looked_at_after_a_failure_are_no_nodes_that_were_skipped(small: Small) -> None:
    small.write("sources.yml", SOURCES.replace("{name: users}", "{name: a}, {name: b}"))
    small.models(total="select * from {{ source('crm', 'a') }}, {{ source('crm', 'b') }}")
    run = small.run(options=BuildOptions(jobs=1))
    told = {each.label.text: each.status.value for each in run.outcomes if each.label.name not in ("one", "numbers")}
    assert told == {"@crm//:a": "failed", "//:total": "skipped"}


def test_a_table_that_is_called_like_a_file_is_read_in_its_place(small: Small) -> None:
    small.write("o.csv", "a\n7\n")
    small.models(t='select a from "o.csv"', f="select a from o.csv")
    small.build()
    small.write("o.csv", "a\n8\n")
    assert small.built() == {"t", "f"}
    small.sql('create table w."o.csv" as select 1 as a')
    assert "reads o.csv by its bare name" in small.outcome("t").warnings[0]
    small.sql('update w."o.csv" set a = 2')
    assert small.built() == {"t"}
    assert small.sql("select t.a, f.a from w.t, w.f") == [(2, 8)]
