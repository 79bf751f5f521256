"""Requests that other tools in this field have left open for years, one test each, named after the request."""

from __future__ import annotations

import os

import pytest
from small import Small

TOTALS = "select grp, sum(val) as total from {{ ref('clean') }} group by grp"
CHAIN = {"clean": "select id, grp, val from {{ ref('numbers') }}", "totals": TOTALS, "top": "from {{ ref('totals') }}"}


def chain(small: Small) -> None:
    small.models(**CHAIN)
    assert small.built() == {"numbers", *CHAIN}


def test_01_skip_downstream_steps_when_the_data_is_the_same_as_before(small: Small) -> None:
    chain(small)
    small.models(clean="select id, grp, val + 0 as val from {{ ref('numbers') }} where id > 0")
    assert small.build() == {"numbers": "fresh", "clean": "built", "totals": "fresh", "top": "fresh"}
    small.models(clean=CHAIN["clean"] + " order by id desc")
    assert small.build() == {"numbers": "fresh", "clean": "built", "totals": "fresh", "top": "fresh"}


def test_02_a_changed_variable_selects_the_models_that_use_it_and_no_others(small: Small) -> None:
    small.models(
        a="select {{ var('x', 1) }} as v",
        b="select {{ var('y', 1) }} as v",
        c="select '{{ env('REGION', 'eu') }}' as v",
    )
    small.build()
    assert small.built(x=2) == {"a"}
    assert small.built(x=2, unread=5) == set()
    assert small.built(x=2, environ={"REGION": "us"}) == {"c"}


def test_03_a_macro_that_is_passed_as_a_variable_is_noticed(small: Small) -> None:
    small.write("models/macros/m.sql", "{% macro one() %}1{% endmacro %}{% macro call(m) %}{{ m() }}{% endmacro %}")
    small.models(a="select {{ call(one) }} as v", b="select 1 as v, 2 as w")
    small.build()
    small.write("models/macros/m.sql", "{% macro one() %}2{% endmacro %}{% macro call(m) %}{{ m() }}{% endmacro %}")
    assert small.built() == {"a"}


def test_04_another_target_or_schema_is_not_another_model(small: Small) -> None:
    small.write("project.yml", "name: small\nversion: 1\ncache: {profile: false}\n")
    chain(small)
    assert set(small.build(profile="prod").values()) == {"restored"}


def test_05_the_code_of_ephemeral_models_and_macros_belongs_to_their_readers(small: Small) -> None:
    small.write("models/macros/m.sql", "{% macro twice(x) %}2 * {{ x }}{% endmacro %}")
    small.models(
        e="{{ config(materialized='ephemeral') }} select id, {{ twice('val') }} as val from {{ ref('numbers') }}",
        reader="select sum(val) as s from {{ ref('e') }}",
        other="select max(val) as m from {{ ref('numbers') }}",
    )
    small.build()
    small.write("models/macros/m.sql", "{% macro twice(x) %}3 * {{ x }}{% endmacro %}")
    assert small.built() == {"reader"}


def test_06_an_unchanged_python_model_is_not_run_again_and_an_edited_helper_is_noticed(small: Small) -> None:
    small.write("helper.py", "def double(x):\n    return 2 * x\n")
    head = "import helper\n@model(name='p', deps=['numbers'])\ndef p(n):\n"
    body = head + "    return pd.DataFrame({'v': helper.double(n['val'])})\n"
    small.python(p=body)
    small.build()
    small.python(p=body.replace("    return", '    """Twice the value."""\n    # done\n    return'))
    small.write("helper.py", '"""Helps."""\n\ndef double( x ):\n    return (2*x)  # fast\n')
    assert small.built() == set()
    small.write("helper.py", "def double(x):\n    return x + x + 1\n")
    assert small.built() == {"p"}


def test_07_equal_bodies_with_different_closures_are_different_models(small: Small) -> None:
    small.write("factory.py", "def adder(n):\n    def add(x):\n        return x + n\n    return add\n")
    text = (
        "from factory import adder\nadd = adder({n})\n"
        "@model(name='{name}', deps=['numbers'])\ndef f(n):\n    return pd.DataFrame({{'v': add(n['val'])}})\n"
    )
    small.python(a=text.format(name="a", n=1), b=text.format(name="b", n=2))
    small.build()
    assert small.sql("select max(a.v), max(b.v) from w.a, w.b") == [(31, 32)]
    small.python(b=text.format(name="b", n=3))
    assert small.built() == {"b"}


@pytest.mark.parametrize(
    ("edit", "word"),
    [
        ("seed", "1 row changed (val)"),
        ("sql", "sql changed"),
        ("var", "var cut 0 → 5"),
        ("env", "FF_REGION set to us"),
    ],
)
def test_08_show_what_changed(small: Small, edit: str, word: str) -> None:
    text = "select id, val from {{ ref('numbers') }} where val > {{ var('cut', 0) }}"
    small.models(a=text)
    small.build(cut=0)
    if edit == "seed":
        small.write("seeds/numbers.csv", "id,grp,val,note\n1,a,10,x\n2,a,20,y\n3,b,31,z\n")
    if edit == "sql":
        small.models(a=text + " and id < 9")
    environ = {"FF_REGION": "us"} if edit == "env" else {}
    assert word in small.outcome("a", environ=environ, cut=5 if edit == "var" else 0).reason


def test_09_reformatting_every_file_runs_nothing(small: Small) -> None:
    chain(small)
    for name, text in CHAIN.items():
        small.models(
            **{name: "-- formatted\n" + text.replace("select", "SELECT\n   ").replace(", ", "\n    , ") + "\n;\n"}
        )
    assert small.built() == set()


def test_10_a_column_that_is_changed_rebuilds_only_those_who_read_it(small: Small) -> None:
    def model(extra: str) -> str:
        return f"select id, grp, val{extra} from {{{{ ref('numbers') }}}}"

    small.models(
        a=model(", 1 as x"),
        b="select id, grp from {{ ref('a') }}",
        c="select x from {{ ref('a') }}",
        d="from {{ ref('a') }}",
    )
    small.build()
    small.models(a=model(", 2 as x"))
    assert small.built() == {"a", "c", "d"}, "changed"
    small.models(a=model(", 2 as x, 3 as y"))
    assert small.built() == {"a", "d"}, "added"
    small.models(a=model(", 2 as x"))
    assert small.built() == set(), "removed again: restored"


def test_12_an_empty_workspace_is_restored_and_not_built(small: Small) -> None:
    chain(small)
    small.database.unlink()
    assert set(small.build().values()) == {"restored"}


def test_13_times_of_change_are_no_changes(small: Small) -> None:
    small.write("data/a.csv", "id\n1\n")
    small.models(file="from 'data/a.csv'")
    chain_and_file = {"numbers", "file"}
    assert small.built() == chain_and_file
    for path in small.root.rglob("*"):
        if path.is_file() and path != small.database:
            os.utime(path)
    assert small.built() == set()


def test_14_moving_renaming_and_describing_build_nothing(small: Small) -> None:
    chain(small)
    small.write("models/clean.ff.sql", None)
    small.write("models/totals.ff.sql", None)
    small.write("models/deep/staging/tidy.ff.sql", f"{{{{ config(description='new', tags=['x']) }}}}{CHAIN['clean']}")
    small.models(totals=f"{{{{ config(tags=['daily']) }}}}{TOTALS.replace('clean', 'tidy')}")
    assert small.build() == {"numbers": "fresh", "tidy": "restored", "totals": "fresh", "top": "fresh"}


def test_15_what_reads_a_reused_parent_is_judged_by_itself(small: Small) -> None:
    """Tests come as models until `fftcas test` does: a query for the rows that should not be there."""
    chain(small)
    small.models(
        no_negative="from {{ ref('totals') }} where total < 0", no_null="from {{ ref('totals') }} where grp is null"
    )
    assert small.built() == {"no_negative", "no_null"}
    small.models(no_negative="from {{ ref('totals') }} where total <= 0")
    assert small.built() == {"no_negative"}


def test_20_a_variable_given_on_the_command_line_touches_only_those_who_read_it(small: Small) -> None:
    small.models(**{f"m{i}": f"select {i} as v" for i in range(50)}, reader="select {{ var('day', 1) }} as day")
    small.build()
    assert small.built(day=2) == {"reader"}
    assert small.built(day=1) == set()


def test_declared_variables_alone_are_in_the_keys_when_the_project_says_so(small: Small) -> None:
    small.write("project.yml", "name: small\nversion: 1\ncache: {env: declared}\n")
    small.models(a="select '{{ env('FF_REGION', 'eu') }}' as v", b="select 1 as v")
    small.python(p="@model(name='p')\ndef p():\n    return pd.DataFrame({'v': [env('FF_REGION', 'eu')]})\n")
    small.build()
    assert small.built(environ={"FF_OTHER": "1"}) == set()
    assert small.built(environ={"FF_REGION": "us"}) == {"a", "p"}
    assert small.sql("select a.v, p.v from w.a, w.p") == [("us", "us")]
