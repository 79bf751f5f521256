"""What is no node of the project is an input all the same: sources, files in SQL, tables that nobody declared."""

from __future__ import annotations

from pathlib import Path

import pytest
from small import Small

from fftcas.build.options import BuildOptions

RAW = """
create schema if not exists raw;
create or replace table raw.users as select * from (values (1, 'a', 'x'), (2, 'b', 'y')) t(id, grp, note);
create or replace table raw.others as select 1 as id;
"""
SOURCES = """
version: 2
sources:
  - name: crm
    schema: raw
    tables:
      - {name: users, fingerprint: FINGERPRINT}
      - {name: others}
"""
MODELS = {
    "groups": "select grp, count(*) as n from {{ source('crm', 'users') }} group by grp",
    "ids": "select id from {{ source('crm', 'others') }}",
}


def sourced(small: Small, fingerprint: str = "content") -> None:
    small.sql(RAW)
    small.write("sources.yml", SOURCES.replace("FINGERPRINT", fingerprint))
    small.models(**MODELS)
    assert small.built() == {"groups", "ids", "numbers"}


COMMENTED = "select a /* was {{ ref('a') }} */ from {{ ref('a') }}"


@pytest.mark.parametrize(
    ("text", "schema", "rows"),
    [
        (COMMENTED, "o */ from (select 666 as a) --", [(42,)]),
        (COMMENTED, "o */ from (select 666 as a); create table main.evil as from range(1); select 7 as z /*", [(42,)]),
        ("select\u00a0$$ {{ ref('a') }} a$$ as n from {{ ref('a') }}", "s", [(' "w"."a" a',)]),
        ("select\u00a0e'\\' , {{ ref('a') }} --' as n from {{ ref('a') }}", "s", [('\' , "w"."a" --',)]),
    ],
)
def test_what_a_schema_is_called_changes_no_table_unseen(
    small: Small, text: str, schema: str, rows: list[tuple[object]]
) -> None:
    """A name within a text can end it, or be data; and some texts do not look like one."""
    small.models(a="select 42 as a", m=text)
    profiles = (small.root / "profiles.yml").read_text()
    small.write("profiles.yml", profiles.replace("schema: w", f'schema: "{schema}"'))
    small.run()
    small.write("profiles.yml", profiles)
    small.build()
    assert small.sql("from w.m") == rows
    assert small.sql("select count(*) from duckdb_tables() where table_name = 'evil'") == [(0,)]


def test_a_changed_source_row_rebuilds_exactly_its_readers(small: Small) -> None:
    sourced(small)
    assert small.built() == set()
    small.sql("insert into raw.users values (3, 'c', 'z')")
    assert small.built() == {"groups"}
    assert small.sql("select count(*) from w.groups") == [(3,)]
    small.sql("insert into raw.others values (2)")
    assert small.built() == {"ids"}


def test_a_source_counts_in_the_columns_that_are_read(small: Small) -> None:
    sourced(small)
    small.sql("update raw.users set note = 'other'")
    small.sql("alter table raw.users add column more integer")
    assert small.built() == set()
    small.sql("update raw.users set grp = 'c' where id = 1")
    assert small.built() == {"groups"}


def test_a_source_that_is_only_counted_counts_by_its_rows(small: Small) -> None:
    sourced(small)
    small.models(n="select count(*) as n from {{ source('crm', 'users') }}")
    assert small.built() == {"n"}
    assert small.built() == set()
    small.sql("update raw.users set grp = 'c', id = 7 where id = 1")
    assert small.built() == {"groups"}
    small.sql("insert into raw.users values (8, 'c', 'z')")
    assert small.built() == {"groups", "n"}


def test_rows_of_a_source_in_another_order_are_the_same_rows(small: Small) -> None:
    sourced(small)
    small.sql("create or replace table raw.users as select * from raw.users order by id desc")
    assert small.built() == set()


def test_a_source_without_fingerprint_is_never_looked_at(small: Small) -> None:
    sourced(small, "none")
    small.sql("insert into raw.users values (3, 'c', 'z')")
    assert small.built() == set()
    small.models(groups=MODELS["groups"] + " -- touched")
    assert small.built() == set()
    small.models(groups=MODELS["groups"].replace("count(*)", "count(id)"))
    assert small.outcome("groups").warnings == (
        "sources.yml: @crm//:users counts as unchanged, whatever happens to it (fingerprint: none)",
    )


def test_a_source_may_be_told_by_one_column(small: Small) -> None:
    sourced(small, "id")
    small.sql("update raw.users set grp = 'c' where id = 1")
    assert small.built() == set()
    small.sql("insert into raw.users values (3, 'c', 'z')")
    assert small.built() == {"groups"}
    small.sql("update raw.users set id = 4 where id = 3")
    assert small.built() == {"groups"}


def test_the_column_of_a_fingerprint_has_to_exist(small: Small) -> None:
    small.sql(RAW)
    small.write("sources.yml", SOURCES.replace("FINGERPRINT", "changed_at"))
    small.models(**MODELS)
    run = small.run()
    (failed,) = (outcome for outcome in run.outcomes if outcome.error)
    assert "has no column 'changed_at'" in str(failed.error)
    assert "it has: id, grp, note" in str(failed.error)


def test_a_file_read_in_sql_is_an_input(small: Small) -> None:
    small.write("data/a.csv", "id\n1\n")
    small.models(a="select * from read_csv('data/*.csv')", b="select * from 'data/a.csv'", c="select 1 as x")
    assert small.built() == {"a", "b", "c", "numbers"}
    assert small.built() == set()
    small.write("data/b.csv", "id\n2\n")
    assert small.built() == {"a"}
    small.write("data/a.csv", "id\n3\n")
    assert small.why("b").reason == "data/a.csv changed"
    assert small.built() == {"a", "b"}
    assert small.sql("select * from w.a order by id") == [(2,), (3,)]
    small.write("data/b.csv", None)
    assert small.built() == {"a"}
    small.write("data/a.csv", "id\n1\n")
    assert small.build() == {"a": "restored", "b": "restored", "c": "fresh", "numbers": "fresh"}


def test_files_are_found_from_the_project_wherever_one_stands(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.write("data/a.csv", "id\n1\n")
    (tmp_path / "elsewhere" / "data").mkdir(parents=True)
    (tmp_path / "elsewhere" / "data" / "a.csv").write_text("id\n7\n")
    monkeypatch.chdir(tmp_path / "elsewhere")
    small.models(a="select * from 'data/a.csv'")
    small.build()
    assert small.sql("select * from w.a") == [(1,)]
    assert Path.cwd() == tmp_path / "elsewhere"


def test_the_shells_directory_is_an_input_and_no_secret(small: Small) -> None:
    small.write("data.csv", "a\n1\n")
    small.models(
        here="select '{{ env(\"PWD\") }}' as here",
        rows="select * from read_csv('{{ env(\"PWD\") }}/data.csv')",
    )
    here = {"PWD": str(small.root)}
    assert small.built(environ=here) == {"here", "numbers", "rows"}
    assert small.sql("select here, a from w.here, w.rows") == [(str(small.root), 1)]
    assert small.built(environ=here) == set()
    assert "here" in small.built(environ={"PWD": f"{small.root}/"})
    assert small.sql("select here from w.here") == [(f"{small.root}/",)]


def test_the_columns_of_a_file_decide_which_columns_of_a_table_are_read(small: Small) -> None:
    small.write("data/a.csv", "id\n1\n2\n3\n")
    small.models(n="select count(*) as n from {{ ref('numbers') }} natural join 'data/a.csv'")
    small.build()
    small.write("data/a.csv", "id,grp\n1,a\n2,a\n3,b\n")
    small.build()
    small.write("seeds/numbers.csv", "id,grp,val,note\n1,q,10,x\n2,a,20,y\n3,b,30,z\n")
    small.build()
    assert small.sql("select * from w.n") == [(2,)]


def test_a_missing_file_is_told_with_its_place(small: Small) -> None:
    small.models(a="select *\nfrom read_parquet('data/no.parquet')")
    error = small.outcome("a").error
    assert error is not None
    assert "reads data/no.parquet, and there is no such file" in str(error)
    assert "at models/a.ff.sql:2" in str(error)


def test_a_reader_sees_a_file_through_a_view(small: Small) -> None:
    small.write("data/a.csv", "id\n1\n")
    small.models(
        v="{{ config(materialized='view') }} select * from \"data/a.csv\" where 'data/a.csv' = 'data/' || 'a.csv'",
        t="select sum(id) as s from {{ ref('v') }}",
    )
    small.build()
    assert small.sql("select * from w.v") == [(1,)], "it is read from another directory"
    small.write("data/a.csv", "id\n5\n")
    assert small.built() >= {"t"}
    assert small.sql("select * from w.t") == [(5,)]
    small.write("data/a.csv", "id,more\n5,6\n")
    small.build()
    assert small.sql("select * from w.v") == [(5, 6)]


def test_a_bare_name_of_a_table_that_the_project_builds_is_an_error(small: Small) -> None:
    small.models(a="select 1 as x", b="select *\nfrom w.a", c="select * from seeds_, numbers")
    errors = {outcome.label.name: str(outcome.error) for outcome in small.run().outcomes if outcome.error}
    assert "//:b reads w.a by its bare name, and this project builds that table" in errors["b"]
    assert "at models/b.ff.sql:2" in errors["b"]
    assert "write {{ ref('a') }}" in errors["b"]


def test_an_undeclared_table_is_an_input_with_a_warning(small: Small) -> None:
    small.sql(RAW)
    small.models(a="select count(*) as n\nfrom raw.users")
    assert small.outcome("a").warnings == (
        "models/a.ff.sql:2: reads raw.users by its bare name: declare it in sources.yml and write source()",
    )
    assert small.built() == set()
    small.sql("insert into raw.users values (3, 'c', 'z')")
    assert small.built() == {"a"}
    assert small.sql("select * from w.a") == [(3,)]


def test_undeclared_tables_can_be_forbidden(small: Small) -> None:
    small.sql(RAW)
    small.write("project.yml", "name: small\nversion: 1\ncache: {undeclared: error}\n")
    small.models(a="select count(*) as n from raw.users")
    assert "reads raw.users, which it does not declare" in str(small.outcome("a").error)


def test_what_cannot_be_followed_runs_in_every_build(small: Small) -> None:
    # While a table is replaced, it is there for one run and not for another.
    others = "select count(*) as n from information_schema.tables where table_name <> 'a'"
    small.models(a=others, b="select n from {{ ref('a') }}")
    assert "information_schema.tables changed: so it runs in every build" in small.outcome("a").warnings[0]
    small.build()
    assert small.built() == {"a"}


def test_a_dynamic_pivot_is_an_ordinary_model(small: Small) -> None:
    small.models(p="pivot {{ ref('numbers') }} on grp using sum(val) group by id")
    small.build()
    assert small.built() == set()


def test_the_text_of_an_ephemeral_model_counts_for_its_readers(small: Small) -> None:
    small.write("data/a.csv", "id\n1\n")
    small.models(
        e="{{ config(materialized='ephemeral') }}\n\nselect id, random() as r\nfrom 'data/a.csv'",
        t="select id from {{ ref('e') }}",
    )
    (warning,) = small.outcome("t").warnings
    assert warning.startswith("models/e.ff.sql:3: random(): its value differs between runs")
    small.write("data/a.csv", "id\n2\n")
    assert small.built() == {"t"}
    small.models(e="{{ config(materialized='ephemeral') }}\n\nselect id,\n  nmae\nfrom 'data/a.csv'")
    assert str(getattr(small.outcome("t").error, "where", "")) == "models/e.ff.sql:4"


def test_without_the_engine_nothing_is_asked_twice(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    small.sql(RAW)
    small.write("data/a.csv", "id\n1\n")
    small.models(a="select list(id) as l from 'data/a.csv'", b="select * from raw.users", c="from range(3)")
    small.build()
    monkeypatch.setattr("fftcas.build.columns.open_binder", lambda *_: pytest.fail("the binder was opened"))
    monkeypatch.setattr("fftcas.build.target.open_engine", lambda *_, **__: pytest.fail("the database was opened"))
    assert small.built() == set()


VIEW_SOURCES = """
version: 2
sources:
  - name: theirs
    schema: w
    tables:
      - {name: v}
"""


@pytest.mark.parametrize("read", ["w.v", "{{ source('theirs', 'v') }}"])
def test_a_foreign_view_over_a_table_of_the_project_is_read_as_it_is_when_its_reader_runs(
    small: Small, read: str
) -> None:
    one = BuildOptions(jobs=1)
    # The last of them is ready from the start, and has its turn when the first has run.
    slow = "(select sum(a.range * b.range) * 0 from range(9000) a, range(9000) b)"
    tables = {"t": f"select 1 + {slow} as x from {{{{ ref('numbers') }}}}", "t2": "select x from {{ ref('t') }}"}
    small.models(**tables)
    small.build(options=one)
    small.sql("create view w.v as select x from w.t")
    if "source" in read:
        small.write("sources.yml", VIEW_SOURCES)
    # A reader of its own puts it before others of its level: the source is looked at before the first of them has run.
    small.models(z=f"select sum(x) as s from {read}", above="select 1 as a from {{ ref('z') }}")
    small.build(options=one)
    small.models(t=tables["t"].replace("1 +", "7 +"), z=f"select sum(x) as s2 from {read}")
    small.build(options=one)
    small.models(t=tables["t"])
    small.build(options=one)
    small.build(options=one)
    assert small.sql("from w.z") == small.sql("select sum(x) from w.v") == [(3,)]


def test_a_file_may_change_before_its_reader_has_its_turn(small: Small) -> None:
    small.write("b.csv", "k\n1\n")
    small.python(
        a="@model(name='a')\ndef a():\n    open('b.csv', 'w').write('k\\n2\\n')\n    return pd.DataFrame({'x': [1]})\n"
    )
    small.models(a2="select x from {{ ref('a') }}", b="select k from read_csv('b.csv')")
    small.build(options=BuildOptions(jobs=1))
    assert small.sql("from w.b") == [(2,)]
