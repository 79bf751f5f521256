"""Symbolic SQL: inputs, binding, and the canonical form in recipes."""

from __future__ import annotations

from typing import Any

import pytest

from fftcas.errors import ProjectError
from fftcas.label import Label
from fftcas.project.sql import THIS, Sql, ref, secret, statement
from fftcas.relation import RelationName

A, B, C = (Label.parse(f"//m:{name}") for name in "abc")
RELATIONS = {label: RelationName(label.name, "s") for label in (A, B, C)}
NAMES = {label: f'"{label.name}"' for label in (A, B, C)}


def ingredient(text: str) -> Any:
    return Sql(text).ingredient(RELATIONS, RelationName("t", "s"))


def test_inputs_are_the_references_outside_comments_in_order() -> None:
    sql = Sql(f"select '{ref(B)}' -- {ref(C)}\nfrom {ref(A)}, {ref(B)} /* {ref(C)} */")
    assert sql.inputs == (B, A)


def test_bind_puts_names_and_secrets_in() -> None:
    sql = Sql(f"select '{ref(A)}', '{secret('X_TOKEN')}' from {ref(A)} where {THIS} -- {ref(C)} {secret('X_TOKEN')}")
    assert sql.secrets == ("X_TOKEN",)
    assert (
        sql.bind({A: '"a"'}, '"t"', {"X_TOKEN": "it's"})
        == "select '\"a\"', 'it''s' from \"a\" where \"t\" -- //m:c X_TOKEN"
    )


def test_no_name_gets_into_a_comment_which_it_could_end() -> None:
    sql = Sql(f"select a /* {ref(A)} {THIS} {secret('X_TOKEN')} */ from {ref(A)} -- {ref(A)}")
    bound = sql.bind({A: '"*/\n"'}, '"*/\n"', {"X_TOKEN": "*/\n"})
    assert bound == f'select a /* {A} this X_TOKEN */ from "*/\n" -- {A}'


def test_readable_shows_labels_and_never_a_secret() -> None:
    assert Sql(f"from {ref(A)} {THIS} '{secret('K')}'").readable() == "from //m:a {{ this }} '{{ env('K') }}'"


def test_expand_puts_a_body_in_but_not_into_comments() -> None:
    sql = Sql(f"from {ref(A)} -- {ref(A)}\njoin {ref(B)}")
    assert sql.expand({A: Sql(f"from {ref(C)}")}).text == f"from (\nfrom {ref(C)}\n) -- //m:a\njoin {ref(B)}"
    assert sql.expand({C: Sql("x")}) is sql


def test_a_renamed_input_changes_nothing() -> None:
    assert ingredient(f"select x.id from {ref(A)} x, {ref(B)}") == ingredient(f"SELECT x.id FROM {ref(B)} x, {ref(C)}")


def test_inputs_that_change_places_count() -> None:
    assert ingredient(f"from {ref(A)} join {ref(B)}") == ingredient(f"from {ref(B)} join {ref(A)}")
    assert ingredient(f"from {ref(A)} join {ref(A)}") != ingredient(f"from {ref(A)} join {ref(B)}")


@pytest.mark.parametrize("mention", ["a.id", "A.id", '"a"', "s.a.id"])
def test_a_renamed_input_counts_where_the_statement_names_it(mention: str) -> None:
    assert ingredient(f"select {mention} from {ref(A)}") != ingredient(f"select {mention} from {ref(B)}")


@pytest.mark.parametrize(
    "text",
    [
        "select (select max(x) from {a})",
        "select 1 as x, exists (from {a}), 2 as y",
        "select x in (from {a}) from {c} t",
        "select array(from {a})",
        "select case when exists (from {a}) then 1 end, 2 as b",
        "select (select max(x) from {a})::varchar",
        "select {a} from {a}",
        "select {a}.x + 1 from {a}",
        "select * from (select (select max(x) from {a})) t",
        "with q as (select (select max(x) from {a})) select * from q",
        "from {c} select exists (from {a})",
        "from (unpivot (select (select max(x) from {a})) on columns(*))",
        "from (describe select (select max(x) from {a}))",
        "select alias((select max(x) from {a})) as q",
        "select 1 as x union all select (select 1 from {a})",
        "(select exists (from {a})) union (select 2)",
        "select interval (select 1 from {a}) day",
        "select x is distinct from (select 1 from {a}) from {c}",
        "select distinct on (x) y, exists (from {a}) from {c}",
        "pivot {c} on x using max((select 1 from {a})), count(*)",
        "select count(*) filter (where exists (from {a})) from {c}",
    ],
)
def test_a_renamed_input_counts_where_a_column_is_called_after_it(text: str) -> None:
    one, other = (ingredient(text.format(a=ref(label), c=ref(C))) for label in (A, B))
    assert one != other
    assert "s.a" in one["physical names"]


@pytest.mark.parametrize(
    "text",
    [
        "select (select max(x) from {a}) as m, y from {c}",
        'select (select max(x) from {a}) "m", y from {c}',
        "select m: (select max(x) from {a})",
        "select {a}.x, {c}.y z, {a}.* from {a} join {c} on {a}.x = {c}.x + 1",
        "select coalesce((select max({c}.x) from {c}), 0) as m from {a}",
        "select * from (select x from {a}) t where x in (select {c}.x + 1 from {c}) and not exists (from {c})",
        "select x from {a} group by exists (from {c}) order by (select 1 from {c})",
        "with q as (select x from {a}), r as (from {c}) select q.x + 1, count(*) from q, r",
        "select x, count(*) from (from {a}) group by all having count(*) > (select max({c}.x) from {c})",
        "select [x, (select 1 from {a})] as l, {{'k': (select 1 from {c})}} as k",
        "select sum(x), alias, t.order from {a} t where x is distinct from (select max({c}.x) from {c})",
        "select mode() within group (order by x) from {a}",
        "select x from {a} union all select y from {c}",
        "select t.a from {a} t",
    ],
)
def test_a_renamed_input_does_not_count_where_columns_have_names(text: str) -> None:
    assert "physical names" not in ingredient(text.format(a=ref(A), c=ref(C)))


@pytest.mark.parametrize("mention", ["s.a.x", '"S" . "A".x', "d.s.a.x"])
def test_a_schema_counts_where_the_statement_names_it(mention: str) -> None:
    assert ingredient(f"select {mention} from {ref(A)}")["physical names"] == ["s.a"]
    assert "physical names" not in ingredient(f"select t.a.x from {ref(A)}")


def test_a_reference_inside_a_string_is_data() -> None:
    assert ingredient(f"select '{ref(A)}'")["physical names"] == ["s.a"]
    assert ingredient(f"select '{ref(A)}'") != ingredient(f"select '{ref(B)}'")
    assert ingredient(f"select '{THIS}'")["physical names"] == ["s.t"]


def test_a_secret_counts_by_its_name() -> None:
    assert ingredient(f"select '{secret('K')}'")["tokens"] == ["select", "'\ue000env:K\ue001'"]


def test_a_statement_loses_its_semicolon() -> None:
    assert statement("\n-- note\nselect 1; -- end\n", "m.sql").text == "-- note\nselect 1"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("select 1;\n select 2", "a model is one statement, and here a second one begins\n  at m.sql:1"),
        ("\ncreate table x as select 1", "a model is a SELECT, not a CREATE statement\n  at m.sql:2"),
        ("-- nothing\n", "the model has no SQL\n  at m.sql"),
    ],
)
def test_bad_statements(text: str, message: str) -> None:
    with pytest.raises(ProjectError) as caught:
        statement(text, "m.sql")
    assert str(caught.value).startswith(message)


def test_a_semicolon_in_a_string_is_text() -> None:
    assert statement("select ';', 1", "m.sql").text == "select ';', 1"
