"""What SQL texts refer to, by DuckDB's own parser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fftcas.engines import open_binder
from fftcas.engines.base import Binder, EngineError, Reads, Unstable
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
        ("from (describe t)", {R("t")}),
        ("select 1 -- from t", set()),
        ("select 'from t'", set()),
        ("values (1);", set()),
    ],
)
def test_relations_are_found_and_common_table_expressions_are_not(binder: Binder, sql: str, relations: set[R]) -> None:
    assert binder.reads(sql) == Reads(frozenset(relations), frozenset())


def test_files_given_as_literals_are_found(binder: Binder) -> None:
    sql = """select * from 'd/a.parquet', read_csv('b.csv', header = true), read_parquet(['c', 'd*.parquet']),
             range(3), t, "x.csv.gz", read_json('https://host/e.json')"""
    files = {"d/a.parquet", "b.csv", "c", "d*.parquet", "x.csv.gz", "https://host/e.json"}
    assert binder.reads(sql) == Reads(frozenset({R("t")}), frozenset(files))


def test_a_text_that_does_not_parse_is_an_error(binder: Binder) -> None:
    with pytest.raises(EngineError, match="syntax error"):
        binder.reads("select from where")
    with pytest.raises(EngineError, match="Only SELECT"):
        binder.reads("pivot t on c using sum(a)")


def test_unstable_functions_are_found_with_their_lines(binder: Binder) -> None:
    sql = """select now(), 'random()', -- uuid()
        "now"(), a.uuid, md5('x'), uuid as today
        /* random() */ , current_date, RANDOM (), gen_random_uuid()"""
    names = [("now", 1), ("now", 2), ("current_date", 3), ("random", 3), ("gen_random_uuid", 3)]
    assert binder.unstable_functions(sql) == [Unstable(name, line) for name, line in names]


def test_stable_texts_have_no_unstable_functions(binder: Binder) -> None:
    assert binder.unstable_functions("select error('no'), date '2024-01-01', \"current_date\" from t") == []
