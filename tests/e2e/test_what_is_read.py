"""What a text reads in disguise counts, or makes it run in every build: itself, functions of the database, secrets."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from small import Small

RAW = "create schema raw; create table raw.u as select i as x, i % 3 as g from range(4) r(i);"


def test_a_model_that_reads_its_own_table_is_refused(small: Small) -> None:
    small.models(m="select 1 as x")
    small.build()
    small.models(m="select\n  count(*) as x\nfrom {{ this }}")
    error = small.outcome("m").error
    assert error is not None
    assert str(error).startswith("//:m reads its own table\n  at models/m.ff.sql:3")
    small.models(m="select '{{ this }}' as name")
    assert small.built() == {"m"}
    assert small.built() == set()


def test_a_bare_name_may_mean_a_table_in_main(small: Small) -> None:
    small.sql("create table main.foo as select 1 as a")
    small.write("seeds/schema.yml", "targets:\n  numbers: {schema: main}\n")
    small.models(m="select a from foo")
    assert small.built() == {"m", "numbers"}
    small.sql("update main.foo set a = 2")
    assert small.built() == {"m"}
    small.sql("create table w.foo as select 3 as a")
    assert small.built() == {"m"}
    assert small.sql("from w.m") == [(3,)]
    small.sql("update main.foo set a = 4")
    assert small.built() == set()
    small.models(n="select * from numbers")
    assert "reads numbers by its bare name, and this project builds that table" in str(small.outcome("n").error)


def test_two_names_that_read_alike_are_two_tables(small: Small) -> None:
    small.sql(RAW + 'create table main."raw.u" as select 1 as y')
    small.models(m='select max(x) as x, max(y) as y from raw.u, "raw.u"')
    small.build()
    for change in ("update raw.u set x = 7", 'update "raw.u" set y = 7'):
        small.sql(change)
        assert small.built() == {"m"}
    assert small.sql("from w.m") == [(7, 7)]


OWN = "create schema w; create schema x; create type w.mood as enum ('a', 'b'); create macro w.f(a) as a + 1;"


@pytest.mark.parametrize(
    ("text", "change", "words"),
    [
        ("select w.f(id) as r from {{ ref('numbers') }}", "create or replace macro w.f(a) as a + 2", "w.f()"),
        ("select f(id) as r from {{ ref('numbers') }}", "create or replace macro w.f(a) as a + 2", "f()"),
        (
            "select 'a'::w.mood as r from {{ ref('numbers') }}",
            "drop type w.mood; create type w.mood as enum ('b', 'a')",
            "the type w.mood",
        ),
        (
            "pivot (select f(id) as id, grp from {{ ref('numbers') }}) on grp using count(*)",
            "create or replace macro w.f(a) as a + 2",
            "f()",
        ),
    ],
)
def test_functions_and_types_of_the_database_make_a_model_run(small: Small, text: str, change: str, words: str) -> None:
    small.sql(OWN)
    small.models(m=text)
    assert small.built() == {"m", "numbers"}
    before = small.sql("from w.m") + small.sql("describe w.m")
    small.sql(change)
    outcome = small.outcome("m")
    assert f"models/m.ff.sql:1: nobody can tell whether {words} changed: so it runs in every build" in outcome.warnings
    assert small.sql("from w.m") + small.sql("describe w.m") != before


@pytest.mark.parametrize(
    ("made", "told"),
    [
        ("create macro x.upper(a) as a || '1'", "the macro x.upper hides DuckDB's own 'upper'"),
        ("create macro w.range(a) as table select 1 as r", "the macro w.range hides DuckDB's own 'range'"),
        ("create type w.json as enum ('a')", "the type w.json hides DuckDB's own 'json'"),
    ],
)
def test_a_function_that_hides_one_of_duckdbs_own_is_refused(small: Small, made: str, told: str) -> None:
    small.models(m="select upper(grp) as r from {{ ref('numbers') }}")
    small.sql(OWN)
    small.build()
    small.sql(made)
    with pytest.raises(Exception, match=told):
        small.run()


def test_a_function_that_a_killed_process_left_in_the_log_is_refused(small: Small) -> None:
    small.models(m="select upper(grp) as r from {{ ref('numbers') }}")
    made = "import duckdb, os, sys; c = duckdb.connect(sys.argv[1]); c.sql('create macro upper(a) as 1'); os._exit(1)"
    subprocess.run([sys.executable, "-c", made, str(small.database)], check=False)
    assert small.database.with_name("warehouse.duckdb.wal").exists()
    with pytest.raises(Exception, match=r"the macro main\.upper hides DuckDB's own 'upper'"):
        small.run()


def test_functions_that_duckdb_brings_along_make_nothing_run(small: Small) -> None:
    small.models(m="select upper(grp) as a, val::json as b, grp.lower() as c from {{ ref('numbers') }}, range(2)")
    assert small.built() == {"m", "numbers"}
    assert small.built() == set()


@pytest.mark.parametrize(
    "text", ["pivot (table raw.u) on g using count(*)", "pivot (from (summarize raw.u)) on column_name using count(*)"]
)
def test_a_table_without_from_is_an_input_of_a_pivot(small: Small, text: str) -> None:
    small.sql(RAW)
    small.models(m=text)
    small.build()
    small.sql("update raw.u set g = 7; alter table raw.u add column more integer")
    assert small.built() == {"m"}


def test_a_pivot_of_an_expression_with_named_columns_reads_no_table_of_that_name(small: Small) -> None:
    small.models(orders="select 1 as a", m="with orders(a, b) as (select 1, 2) pivot orders on a using sum(b)")
    assert small.built() == {"m", "numbers", "orders"}


def test_a_file_whose_name_is_secret_is_read_in_every_build(small: Small) -> None:
    small.write("data/x.csv", "x\n1\n")
    small.write("data/.csv", "x\n9\n")
    small.models(
        part="select x from read_csv('data/{{ env('OBJECT_KEY') }}.csv')", whole="select x from '{{ env('DATA_KEY') }}'"
    )
    environ = {"OBJECT_KEY": "x", "DATA_KEY": "data/x.csv"}
    assert small.built(environ=environ) == {"numbers", "part", "whole"}
    small.write("data/x.csv", "x\n100\n")
    outcomes = {outcome.label.name: outcome for outcome in small.run(environ=environ).outcomes}
    assert small.sql("from w.part, w.whole") == [(100, 100)]
    told = "models/part.ff.sql:1: nobody can tell whether data/{{ env('OBJECT_KEY') }}.csv changed: "
    assert outcomes["part"].warnings == (told + "so it runs in every build",)


def test_a_table_whose_name_is_secret_is_read_in_every_build(small: Small) -> None:
    small.sql(RAW)
    small.models(m="select count(*) as n from raw.{{ env('TABLE_KEY') }}")
    assert small.built(environ={"TABLE_KEY": "u"}) == {"m", "numbers"}
    small.sql("delete from raw.u where x = 1")
    assert small.built(environ={"TABLE_KEY": "u"}) == {"m"}


def test_a_text_that_only_a_secret_completes_is_run_in_every_build(small: Small) -> None:
    small.models(m="select 1 as x where {{ env('REST_KEY') }} 1")
    assert small.built(environ={"REST_KEY": "1 ="}) == {"m", "numbers"}
    assert small.built(environ={"REST_KEY": "2 ="}) == {"m"}


def test_a_secret_in_a_value_makes_nothing_run(small: Small) -> None:
    small.models(m="select md5(grp || '{{ env('SALT_KEY') }}') as h from {{ ref('numbers') }}")
    assert small.built(environ={"SALT_KEY": "a"}) == {"m", "numbers"}
    small.write("seeds/numbers.csv", "id,grp,val,note\n1,a,10,other\n2,a,20,y\n3,b,30,z\n")
    assert small.built(environ={"SALT_KEY": "b"}) == {"numbers"}


DEEP = "+".join(["x"] * 520)


def test_a_text_that_is_nested_deeply_is_built_all_the_same(small: Small) -> None:
    small.sql(RAW)
    small.models(m=f"select {DEEP} as a from raw.u", o="select 1 as x")
    small.models(v=f"{{{{ config(materialized='view') }}}} select {DEEP} as a from {{{{ ref('o') }}}}")
    small.models(w="select a from {{ ref('v') }}")
    assert small.built() == {"m", "numbers", "o", "v", "w"}
    small.sql("update raw.u set x = 5")
    ((tree,),) = small.sql(f"select json_serialize_sql('select {DEEP} as a from t')")
    try:
        json.loads(tree)
        unknown = set[str]()
    except RecursionError:  # which this Python cannot tell to have read nothing that has changed
        unknown = {"v", "w"}
    assert small.built() == {"m", *unknown}
    assert small.sql("select sum(a) from w.m") == [(4 * 5 * 520,)]


def test_a_type_that_is_nested_deeply_fails_its_node_alone(small: Small) -> None:
    small.models(m=f"select {'[' * 300}1{']' * 300} as x", n="select 1 as x")
    outcomes = {outcome.label.name: outcome for outcome in small.run().outcomes}
    assert str(outcomes["m"].error).startswith("m cannot be read: ")
    assert outcomes["n"].error is None


COLUMNS = {
    "scalar": "select (select max(x) from {{ ref('UP') }})",
    "exists": "select exists (from {{ ref('UP') }}), 3 as z",
    "whole": "select {{ ref('UP') }} from {{ ref('UP') }}",
    "data": "from (unpivot (select (select max(x) from {{ ref('UP') }})) on columns(*))",
}


@pytest.mark.parametrize("text", COLUMNS.values(), ids=COLUMNS)
def test_a_column_is_called_after_the_table_that_is_there_now(small: Small, text: str) -> None:
    small.models(a="select 1 as x", m=text.replace("UP", "a"), named="select (select max(x) from {{ ref('a') }}) as m")
    small.build()
    before = small.sql("describe w.m") + small.sql("from w.m")
    small.write("models/a.ff.sql", None)
    small.models(b="select 1 as x", m=text.replace("UP", "b"), named="select (select max(x) from {{ ref('b') }}) as m")
    assert small.build() == {"numbers": "fresh", "b": "restored", "m": "built", "named": "fresh"}
    assert small.sql("describe w.m") + small.sql("from w.m") != before


def test_a_column_is_called_after_the_schema_of_this_profile(small: Small) -> None:
    small.models(a="select 1 as x", m="select (select max(x) from {{ ref('a') }})")
    small.build()
    profiles = (small.root / "profiles.yml").read_text()
    small.write("profiles.yml", profiles.replace("schema: w", "schema: other"))
    assert small.build() == {"numbers": "restored", "a": "restored", "m": "built"}
    assert small.sql("describe other.m")[0][0] == "(SELECT max(x) FROM other.a)"


def test_a_text_that_names_the_schema_itself_is_not_restored_in_another_one(small: Small) -> None:
    small.models(a="select 1 as x", m="select w.a.x from {{ ref('a') }}")
    small.build()
    profiles = (small.root / "profiles.yml").read_text()
    small.write("profiles.yml", profiles.replace("schema: w", "schema: other"))
    assert "w" in str(small.outcome("m").error)


def test_what_of_a_file_is_read_beside_its_bytes(small: Small) -> None:
    small.write("a.txt", "x")
    os.utime(small.root / "a.txt", (1, 1))
    small.models(t="select content, last_modified from read_text('a.txt')", c="select content from read_text('a.txt')")
    small.build()
    os.utime(small.root / "a.txt", (2, 2))
    assert small.why("t").reason == "the time of a.txt changed"
    assert small.built() == {"t"}
    assert small.sql("select epoch(last_modified) from w.t") == [(2,)]
    small.write("a.txt.wal", "a database that is written to has a log")
    assert small.built() == {"t", "c"}


def test_a_view_that_tells_where_a_file_is_tells_of_this_checkout(small: Small) -> None:
    small.write("a.csv", "x\n1\n")
    small.write("root", "x\n1\n")
    view = "{{ config(materialized='view') }} select "
    small.models(v=view + "x, filename from read_csv('root')", r="from {{ ref('v') }}")
    small.models(w=view + "x from 'a.csv'", s="from {{ ref('w') }}")
    small.build()
    moved = Small(small.folder.rename(small.folder.with_name(f"{small.folder.name}-moved")))
    assert moved.why("r").reason == "the project's directory changed"
    assert moved.built() == {"r"}
    assert moved.sql("from w.r") == [(1, str(moved.root / "root"))]
    moved.write("root", "x\n2\n")
    assert moved.why("r").reason == "root changed"
    assert moved.built() == {"v", "r"}


OUTSIDE = """
import sys, os
sys.path.append(os.path.join(os.path.dirname(__file__), {place}))
import shared_rates
@model
def m(): return pd.DataFrame({{"x": [shared_rates.X]}})
"""


@pytest.mark.parametrize(("place", "runs_again"), [("'..', '..', 'shared'", {"m"}), ("'..', 'libs'", set())])
def test_a_module_from_outside_the_project_makes_a_model_run(small: Small, place: str, runs_again: set[str]) -> None:
    small.write(f"{'../shared' if runs_again else 'libs'}/shared_rates.py", "X = 1")
    small.python(m=OUTSIDE.format(place=place))
    assert small.built() == {"m", "numbers"}
    assert small.built() == runs_again
    told = "models/m.ff.py:6: nobody can tell where 'shared_rates' lies, nor whether it changed: so models/m.ff.py runs"
    assert any(warning.startswith(told) for warning in small.load().warnings) is bool(runs_again)


ASTRAY = """
import importlib.util
spec = importlib.util.spec_from_file_location("rates", {place!r})
rates = importlib.util.module_from_spec(spec)
spec.loader.exec_module(rates)
@model
def m(): return pd.DataFrame({{"x": [rates.X]}})
"""


@pytest.mark.parametrize(("place", "runs_again"), [("../shared/rates.py", {"m"}), ("libs/rates.py", set())])
def test_an_output_is_not_kept_if_code_has_run_that_no_key_tells_of(
    small: Small, place: str, runs_again: set[str]
) -> None:
    small.write(place, "X = 1")
    small.python(m=ASTRAY.format(place=place))
    told = small.outcome("m").warnings
    names = [f"it runs the code of {small.folder}/shared/rates.py, which no key tells of"] * len(runs_again)
    assert [warning.partition(": ")[0] for warning in told] == names
    small.write(place, "X = 2 ")
    assert small.built() == {"m"}
    assert small.sql("from w.m") == [(2,)]
    assert small.built() == runs_again
