"""A collation decides what is equal: that of a source counts, and no table that is built has one."""

from __future__ import annotations

import pytest
from small import Small

USERS = "create or replace table raw.users as select unnest(['Ann', 'ann']) {} as name"
SOURCES = "version: 2\nsources:\n  - {name: crm, schema: raw, tables: [{name: users}]}\n"
ANN = "where name = 'ANN'"


@pytest.fixture
def users(small: Small) -> Small:
    small.sql("create schema raw")
    small.sql(USERS.format("collate nocase"))
    small.write("sources.yml", SOURCES)
    return small


def collated(small: Small) -> list[str]:
    return [name for (name,) in small.sql("select table_name from duckdb_tables() where sql like '%COLLATE%'")]


@pytest.mark.parametrize("table", ["{{ source('crm', 'users') }}", "raw.users", "raw.v"])
def test_the_collation_of_a_source_counts(users: Small, table: str) -> None:
    users.sql("create view raw.v as from raw.users")
    users.models(n=f"select count(*) as n from {table} {ANN}")
    assert users.built() == {"n", "numbers"}
    assert users.sql("from w.n") == [(2,)]
    assert users.built() == set()
    users.sql(USERS.format(""))
    assert users.built() == {"n"}
    assert users.sql("from w.n") == [(0,)]


def test_the_collation_of_a_view_on_files_counts(users: Small) -> None:
    users.write("names.csv", "name\nAnn\n")
    view = "create or replace view raw.files as select name {} as name from '" + str(users.root / "names.csv") + "'"
    users.sql(view.format("collate nocase"))
    users.models(n=f"select count(*) as n from raw.files {ANN}")
    assert users.built() == {"n", "numbers"}
    users.sql(view.format(""))
    assert users.built() == {"n"}
    assert users.sql("from w.n") == [(0,)]


def test_a_table_has_no_collation_whether_it_was_built_or_restored(users: Small) -> None:
    users.models(
        a="select * from {{ source('crm', 'users') }}",
        b="select 'Ann' collate nocase as name",
        c="{{ config(materialized='view') }} select * from {{ ref('numbers') }}, (select 'Ann' collate nocase as name)",
        d="select * from {{ ref('c') }}",
        n=f"select (select count(*) from {{{{ ref('a') }}}} {ANN}) as a, count(*) as b from {{{{ ref('b') }}}} {ANN}",
        v=f"select count(*) as n from {{{{ ref('c') }}}} {ANN}",
    )
    assert users.built() >= {"a", "b", "d", "n", "v"}
    assert collated(users) == ["users"]
    found = users.sql("from w.n, w.v")
    assert found == [(0, 0, 3)]
    users.sql("drop schema w cascade")
    assert users.built() == set()
    users.sql("drop table w.n")
    assert users.built() == set()
    assert users.sql("from w.n, w.v") == found


def test_a_collation_that_someone_gave_a_table_is_taken_away(users: Small) -> None:
    users.models(a="select 'Ann' as name", n=f"select count(*) as n from {{{{ ref('a') }}}} {ANN}")
    users.build()
    users.sql("alter table w.a alter name type varchar collate nocase")
    assert users.build() == {"numbers": "fresh", "a": "restored", "n": "fresh"}
    assert collated(users) == ["users"]


def test_the_last_moment_of_a_day_is_restored(small: Small) -> None:
    small.models(a="select time '24:00:00' as t, [time '24:00:00'] as l")
    small.build()
    small.sql("drop table w.a")
    assert small.build() == {"numbers": "fresh", "a": "restored"}
    assert small.sql("select t::varchar, l::varchar from w.a") == [("24:00:00", "['24:00:00']")]
