"""Others make, change and move what lies in the target database: what a run remembers of it stays true."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from small import Small, new_small

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


def test_a_view_of_a_model_that_is_a_source_is_read_again_when_the_model_has_changed(small: Small) -> None:
    small.sql("create view w.users as from w.one")
    small.write("sources.yml", SOURCES)
    small.models(two=READS_SOURCE)
    small.build()
    small.models(one="select 2 as x")
    small.build()  # may come to `two` before `one`, of which it does not know that it reads it
    small.build()
    assert small.sql("from w.two") == [(2,)]


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
