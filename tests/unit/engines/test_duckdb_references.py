"""What SQL texts refer to, by DuckDB's own parser."""

from __future__ import annotations

import json
from collections.abc import Iterator

import duckdb
import pytest

from fftcas.engines import open_binder
from fftcas.engines.base import Binder, EngineError, Reads
from fftcas.relation import RelationName as R


@pytest.fixture(scope="module")
def binder() -> Iterator[Binder]:
    binder = open_binder("duckdb", {"path": ":memory:", "schema": "s"})
    yield binder
    binder.close()


@pytest.mark.parametrize(
    ("sql", "relations"),
    [
        ("select * from a join s.b on true", {R("a"), R("b", "s")}),
        ('select * from c."s x"."a.b"', {R("a.b", "s x", "c")}),
        ("with x as (select * from a) select * from x", {R("a")}),
        ("with a as (select * from a) select * from a", {R("a")}),
        ("with a as (select 1), b as (select * from a) from b", set()),
        ("with a as (select 1) select * from s.a", {R("a", "s")}),
        ("with recursive r as (select 1 as n union all select n + 1 from r, t) from r", {R("t")}),
        ("with m as materialized (from t) from m union all from u", {R("t"), R("u")}),
        ("select * from (with x as (from y) from x), x", {R("x"), R("y")}),
        ("select (select max(a) from u where exists(from w))", {R("u"), R("w")}),
        ("from (pivot t on c in (1) using sum(a))", {R("t")}),
        ("summarize t", {R("t")}),
        ("select 1 -- from t", set()),
        ("select 'from t'", set()),
        ("values (1);", set()),
    ],
)
def test_relations_are_found_and_common_table_expressions_are_not(binder: Binder, sql: str, relations: set[R]) -> None:
    found = binder.reads(sql)
    assert found.relations == relations
    assert not found.files | found.opaque


@pytest.mark.parametrize(
    ("sql", "named"),
    [
        ("select a, t.b, count(*), 2 * 3 from t join u using (k) group by all", True),
        ("with q as (select a from t) select max(a) over (order by a) from q", True),
        ("select a from t where exists (select 1 from u)", True),
        ("from t", False),
        ("select t.* from t", False),
        ("select a from (select * from t)", False),
        ("select a from t where exists (from u)", False),
        ("select columns('a') from t", False),
        ("select #1 from t", False),
        ("select x from t as q(x, y)", False),
        ("select a from t natural join u", False),
        ("select a from t; select 1", False),
        ("select a / (select sum(a) from t) from t where a in (select b from u)", True),
        ("select typeof(1 + (select b from u)) from t", False),
        ("select column_name from information_schema.columns", False),
    ],
)
def test_whether_all_columns_are_named_is_seen(binder: Binder, sql: str, named: bool) -> None:
    assert binder.reads(sql).names_columns is named


def test_files_given_as_literals_are_found(binder: Binder) -> None:
    sql = """select * from 'd/a.parquet', read_csv('b.csv', header = true), read_parquet(['c', 'd*.parquet']),
             range(3), t, "x.csv.gz", read_json('https://host/e.json')"""
    named = {R("t"), R("d/a.parquet"), R("x.csv.gz")}  # the database knows whether it has tables of such names
    assert binder.reads(sql) == Reads(
        frozenset(named), frozenset({"b.csv", "c", "d*.parquet"}), frozenset({"https://host/e.json"}), one_query=True
    )


@pytest.mark.parametrize(
    ("sql", "dated"),
    [
        ("from read_text('a')", {"a"}),
        ("select content from read_text('a'), read_csv('b')", set()),
        ("select count(*) from read_blob('a') where size > 3", set()),
        ("select size from read_blob(['a', 'b*']), 'c.csv' order by \"LAST_modified\"", {"a", "b*"}),
        ("select t from read_text('a') as t", {"a"}),
        ("select read_text from read_text('a')", {"a"}),
        ("from read_csv('b')", set()),
    ],
)
def test_files_of_which_the_time_is_read_are_told(binder: Binder, sql: str, dated: set[str]) -> None:
    assert binder.reads(sql).dated == dated


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("select x, filename from 'a.csv'", True),
        ("from read_csv('a.csv', FileName = 'f')", True),
        ("select x from 'a.csv' join t using (\"FileName\")", True),
        ("from (unpivot read_csv('a') on columns('f.*'), filename)", True),
        ("pivot 'a.csv' on x using max(filename)", True),
        ("select count(*) from parquet_metadata('a')", True),
        ("select * exclude (filename) from read_text('a')", True),
        ("select t from read_blob('a') t", True),
        ("select columns('file.*') from read_text('a')", True),
        ("select content from read_text('a') -- one row per filename", False),
        ("select original_filename /* filename */ from 'a.csv'", False),
        ("from read_csv('a')", False),
    ],
)
def test_whether_rows_tell_where_files_are_is_seen(binder: Binder, sql: str, told: bool) -> None:
    assert binder.reads(sql).tells_paths is told


def test_what_cannot_be_followed_is_told(binder: Binder) -> None:
    sql = """select * from read_csv('https://host/a.csv'), read_csv(getvariable('x')), query_table('t'), duckdb_tables,
             information_schema.tables, generate_series(3), pg_catalog.pg_class"""
    opaque = {"https://host/a.csv", "read_csv()", "query_table()", "duckdb_tables", "information_schema.tables"}
    assert binder.reads(sql) == Reads(
        frozenset(), frozenset(), frozenset({*opaque, "pg_catalog.pg_class"}), one_query=True
    )


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("show tables", "show tables"),
        ("from (show all tables)", "show all tables"),
        ("from (describe)", "show all tables"),
        ("from (show tables from d)", "show tables from d"),
        ("from (show databases)", "show databases"),
        ("from main.sqlite_master", "main.sqlite_master"),
        ("from system.main.duckdb_tables", "system.main.duckdb_tables"),
        ("from system.pg_class", "system.pg_class"),
        ("select pg_get_viewdef(a) from t", "pg_get_viewdef()"),
        ("select format_type(a, 0), format_pg_type(b, c) from t", "format_type()"),
        ("select json_serialize_plan('from u'), json_serialize_sql('from u') from t", "json_serialize_plan()"),
        ("select * from raw.pg_class, tables, raw.duckdb_tables, (summarize t)", None),
    ],
)
def test_what_lists_the_catalogue_cannot_be_followed(binder: Binder, sql: str, words: str | None) -> None:
    assert binder.reads(sql).opaque == ({words} if words else set())


@pytest.mark.parametrize("sql", ["describe t", "from (show t)", "from (describe select a from t)"])
def test_keys_and_defaults_that_describe_tells_cannot_be_followed(binder: Binder, sql: str) -> None:
    opaque = frozenset({"the keys and defaults in DESCRIBE"})
    assert binder.reads(sql) == Reads(frozenset({R("t")}), frozenset(), opaque, one_query=True)


@pytest.mark.parametrize(
    ("sql", "relations", "files"),
    [
        ("pivot t on c using sum(a)", {R("t")}, set()),
        ('with x as (select * from "A b".u, w) pivot x on c using sum(a)', {R("u", "A b"), R("w")}, set()),
        (
            "pivot (select extract(year from y) as y, a from s.t join u using (a) where b) on y using sum(a)",
            {R("t", "s"), R("u")},
            set(),
        ),
        ("pivot (from read_csv('d/*.csv'), range(3)) on y using count(*)", set(), {"d/*.csv"}),
        ("pivot 'a.parquet' on y using count(*)", {R("a.parquet")}, set()),
        (
            "pivot (select a is distinct from b as x from (select 1 where 2 > 1) q, r) on x using count(*)",
            {R("r")},
            set(),
        ),
        ("pivot (table s.t) on c using sum(a) order by b desc, u", {R("t", "s")}, set()),
        ("pivot (from (summarize t)) on c using sum(a)", {R("t")}, set()),
        ("with t(a, c) as (select a, b from u) pivot t on c using sum(a)", {R("u")}, set()),
        ("with t as (from t) pivot t on c using sum(a)", {R("t")}, set()),
        ("pivot (from a join b on a.k = b.k, u) on c || d, e > 1, using sum(a) group by g limit 3", set("abu"), set()),
        ("from (pivot a join b using (k) join t on t.k = b.k on c) p join u on true", {*"abtu"}, set()),
        ("pivot (pivot_wider t on c using sum(a)) on d in (select e from u) using count(*)", set("tu"), set()),
        ("with x as (pivot t on c) from u pivot (sum(a) for c in (1)) join x on true", set("tu"), set()),
        ("with x as (unpivot t on a, b into name n value v) pivot x on n -- using u\nunion from u", set("tu"), set()),
        ('pivot t on "on", \'using\' || c /* on */ using sum("using") as pivot', set("t"), set()),
        ("pivot (from read_csv('d.csv', delim = ';')) on y", set(), {"d.csv"}),
    ],
)
def test_a_pivot_without_a_parse_tree_of_its_own_tells_what_it_reads(
    binder: Binder, sql: str, relations: set[R | str], files: set[str]
) -> None:
    names = frozenset(R(each) if isinstance(each, str) else each for each in relations)
    assert binder.reads(sql) == Reads(names, frozenset(files))


def test_what_has_no_parse_tree_cannot_be_followed(binder: Binder) -> None:
    words = "what it reads (DuckDB gives no parse tree)"
    assert binder.reads("select 1; pragma show_tables") == Reads(frozenset(), frozenset(), frozenset({words}))


@pytest.mark.parametrize(
    ("sql", "opaque"),
    [
        ("select f(a), main.g(b), upper(c), c.lower(), x.tm(d) from t", {"f()", "main.g()", "x.tm()"}),
        ("select f(a) over (), s.g(a) over w, sum(a) over (), lag(a) over () from t window w as ()", {"f()", "s.g()"}),
        ("select a <~> b, a || b, -a, a not like b, a ->> 'x', a ** 2, a @> b, @a, a // b from t", {"<~>()"}),
        ("select * from x.tm(), range(3)", {"x.tm()"}),
        ("select a + 1, a || 'x', a[1], {'k': a}, [b for b in a], a like 'x', a.b, coalesce(a, b) from t", set()),
        (
            "select a::mood, cast(b as s.mood), try_cast(c as STRUCT(k mood2)) from t",
            {"the type mood", "the type s.mood", "the type mood2"},
        ),
        ("select a::JSON, b::decimal(3, 2)[], c::timestamp with time zone, d::text, interval 1 day from t", set()),
        (
            "pivot (select f(a), s.g(b), upper(c), d::mood, cast(e as mood2) from t u(f, g)) on c using max((b))",
            {"f()", "s.g()", "the type mood", "the type mood2"},
        ),
        (
            "pivot (from t where a between f() and 9) on c, d in mood, g(e) using sum(a), h(b) group by k",
            {"f()", "g()", "h()", "the type mood"},
        ),
        ("pivot t on c in mood using sum(a)", {"the type mood"}),
        (
            """pivot (select row_number() over (order by a), a in (1), count(*) filter (where (b)) from t
            join u using (k) group by grouping sets ((a), ())) on c using sum(a)""",
            set(),
        ),
    ],
)
def test_functions_and_types_that_are_the_databases_own_cannot_be_followed(
    binder: Binder, sql: str, opaque: set[str]
) -> None:
    assert binder.reads(sql).opaque == opaque


def test_what_is_nested_too_deeply_for_this_python_cannot_be_followed(binder: Binder) -> None:
    text = f"select {'+'.join(['a'] * 900)} from t"
    (row,) = duckdb.execute("select json_serialize_sql(?::varchar)", [text]).fetchall()
    try:
        json.loads(row[0])
        opaque = set[str]()
    except RecursionError:
        opaque = {"what it reads (it is nested too deeply)"}
    assert binder.reads(text).opaque == opaque


def test_a_text_that_does_not_parse_is_an_error(binder: Binder) -> None:
    with pytest.raises(EngineError, match="syntax error"):
        binder.reads("select from where")


def found(binder: Binder, sql: str) -> list[tuple[str, int]]:
    return [(each.what, each.line) for each in binder.unstable(sql)]


def test_unstable_functions_are_found_with_their_lines(binder: Binder) -> None:
    sql = """select now(), 'random()', -- uuid()
        "now"(), a.uuid, md5('x'), uuid as today
        /* random() */ , current_date, RANDOM (), gen_random_uuid()"""
    names = [("now()", 1), ("now()", 2), ("current_date", 3), ("random()", 3), ("gen_random_uuid()", 3)]
    assert found(binder, sql) == names


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        ("select list(x) from t", [("list()", 1)]),
        ("select\nstring_agg(x, ',') from t", [("string_agg()", 2)]),
        ("select list(x order by x), array_agg(x order by y desc) from t", []),
        ("select first(a), min(b), any_value(c order by c) from t", [("first()", 1)]),
        ("select arg_max(a, b), mode(c) from t", [("arg_max()", 1), ("mode()", 1)]),
        ("select a,\n  row_number() over (partition by a) from t", [("row_number()", 2)]),
        ("select row_number() over (partition by a order by b) from t", [("row_number()", 1)]),
        ("select row_number() over (order by b, c), lag(a) over (order by user_id) from t", []),
        ("select rank() over (order by b), sum(a) over (order by b) from t", []),
        ("select sum(a) over (order by b rows unbounded preceding) from t", [("sum()", 1)]),
        ("select * from t limit 3", [("LIMIT", 1)]),
        ("select * from t order by b\nlimit 3", [("LIMIT", 2)]),
        ("select * from t order by id limit 3", []),
        ("select * from t order by all limit 3", []),
        ("select * from (select * from u order by a, b limit 1)", []),
        ("select distinct on (a) a, b from t", [("DISTINCT ON", 1)]),
        ("select distinct on (a) a, b from t order by a", [("DISTINCT ON", 1)]),
        ("select distinct on (a) a, b from t order by a, b", []),
        ("select * from t using sample 3 rows", [("a sample", 1)]),
        ("select * from t tablesample reservoir(3 rows) repeatable (1)", []),
        ("select distinct a from t", []),
        ("select 1,\n  array(select a from t), array(select b from u order by b)", [("array()", 2)]),
        (
            "select json_group_array(a), json_group_object(a, b) from t",
            [("json_group_array()", 1), ("json_group_object()", 1)],
        ),
        (
            "select arg_max_null(a, b), approx_quantile(a, 0.5) from t",
            [("arg_max_null()", 1), ("approx_quantile()", 1)],
        ),
        ("from (\n  summarize select a from t)", [("SUMMARIZE", 2)]),
        ("summarize t", [("SUMMARIZE", 1)]),
        ("select * from (describe t)", []),
        ("from t\npositional join u", [("POSITIONAL JOIN", 1)]),
        ("select a,\n  t.rowid from t", [("rowid", 2)]),
        ("select age(a, b), age(a) from t", [("age()", 1)]),
        ("pivot t\non a\nusing first(b)", [("first()", 3)]),
        ("select from", []),
    ],
)
def test_orders_that_are_left_open_are_found(binder: Binder, sql: str, what: list[tuple[str, int]]) -> None:
    assert found(binder, sql) == what


def test_stable_texts_have_nothing_unstable(binder: Binder) -> None:
    assert binder.unstable("select error('no'), date '2024-01-01', \"current_date\" from t") == []


@pytest.mark.parametrize(
    ("sql", "one"),
    [
        ("select 1", True),
        ("with x as (from t) select * from x; -- end", True),
        ("values (1)", True),
        ("(select 1) union all (select 2)", True),
        ("select ';' as a", True),
        ("select 1; select 2", False),
        ("select 1; drop table t", False),
        ("drop table t", False),
        ("insert into t select 1", False),
        ("with x as (insert into t values (1) returning a) select * from x", False),
        ("with x as (select 1 as updated) from x", True),
        ("", False),
        ("-- nothing", False),
    ],
)
def test_whether_a_text_is_one_query_is_seen(binder: Binder, sql: str, one: bool) -> None:
    assert binder.reads(sql).one_query is one


@pytest.mark.parametrize("sql", ["select 1 with no data", "select 1) with no data --", "select 1) limit (0"])
def test_what_only_a_statement_around_it_makes_a_query_is_an_error(binder: Binder, sql: str) -> None:
    with pytest.raises(EngineError):
        binder.reads(sql)
