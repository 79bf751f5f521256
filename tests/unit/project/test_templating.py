"""Templates: what models may write, and how their mistakes are told."""

from __future__ import annotations

from pathlib import Path

import pytest
from projects import Memory, error, load, sql

SOURCES = "version: 1\nsources:\n- name: crm\n  schema: raw\n  tables: [{name: users}]\n"
CANNOT = "the template cannot be rendered\n  at models/m.ff.sql:1"


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("select {{ var('n', 3) }}", "select 3"),
        ("select {{ var('given') }}", "select 7"),
        ("select {{ var('over') }}", "select cli"),
        ("select {{ var('nothing') }}", "select None"),
        ("select {{ 'given' | var }}", "select 7"),
        ("select {{ var('deep').line }}, {{ var('deep').lines[0].line }}", "select a, b"),
        ("select '{{ env('HOME_TOWN') }}'", "select 'Bern'"),
        ("select '{{ env('NOWHERE', 'x') }}{{ env('NOWHERE') }}'", "select 'xNone'"),
        ("select '{{ env('API_TOKEN') }}'", "select '{{ env('API_TOKEN') }}'"),
        ("select {{ 'it''s' | sql_literal }}, {{ none | sql_literal }}, {{ true | sql_literal }}", None),
        ("select '{{ engine() }} {{ ff_engine() }}'", "select 'duckdb duckdb'"),
        ("{% if is_incremental() %}x{% else %}select 1{% endif %}", "select 1"),
        ("select {{ ff_date_trunc('d') }}", "select date_trunc('day', CAST(d AS TIMESTAMP))"),
        ("select {{ ff_date_add('d', 'day', 2) }}", "select CAST(d AS TIMESTAMP) + INTERVAL '2 day'"),
        ("select {{ ff_date_add('d::date', 'day', 2) }}", "select d::date + INTERVAL '2 day'"),
        ("select {{ ff_safe_cast('x', 'numeric', default='0') }}", "select COALESCE(try_cast(x AS NUMERIC), 0)"),
        ("select {{ ff_partition_filter('d', '1', '2') }}", "select d BETWEEN '1' AND '2'"),
        ("select {{ ff_partition_in('d', ['a', 2]) }}", "select d IN ('a', 2)"),
        ("select {{ ff_partition_in('d', []) }}", "select 1=0"),
        ("select '{{ ff_is_engine('duckdb') }}'", "select 'True'"),
        ("select {{ cents('x') }}, {{ shout('y') }}, {{ 'z' | shout }}", "select x*100, Y!, Z!"),
        ("{% import 'macros/m.sql' as m %}select {{ m.cents(1) }}", "select 1*100"),
        ("{% set a = [] %}{% set _ = a.append(1) %}select {{ a }}", "select [1]"),
        ("select '{{ this.name }} {{ this.materialized }}' from {{ this }}", "select 'm table' from {{ this }}"),
        ("select * from {{ ref('other.ff') }}, {{ ref('other') }}", "select * from //:other, //:other"),
        ("select * from {{ source('crm', 'users') }}", "select * from @crm//:users"),
    ],
)
def test_rendering(tmp_path: Path, template: str, text: str | None) -> None:
    files = {
        "models/m.ff.sql": template,
        "models/other.ff.sql": "select 1",
        "models/macros/m.sql": "{% macro cents(x) %}{{ x }}*100{% endmacro %}",
        "models/macros_py/p.py": "def shout(x): return x.upper() + '!'\n",
        "sources.yml": SOURCES,
        "project.yml": "name: p\nversion: 1\nvars: {given: 7, over: file, deep: {line: a, lines: [line: b]}}\n",
    }
    project = load(tmp_path, files, {"HOME_TOWN": "Bern", "API_TOKEN": "s3cret"}, {"over": "cli"})
    assert sql(project, "//:m").sql.readable() == (text or "select 'its', NULL, TRUE")
    assert "s3cret" not in repr(sql(project, "//:m"))


@pytest.mark.parametrize(
    ("template", "message"),
    [
        (
            "select 1\n{{ ref('usres') }}",
            "there is no model or seed 'usres'\n  at models/m.ff.sql:2\n  hint: did you mean 'users'?",
        ),
        (
            "select {{ source('crm', 'user') }}",
            "there is no source 'crm.user'\n  at models/m.ff.sql:1\n  hint: did you mean",
        ),
        (
            "select 1\n\n{{ nothing }}",
            "the template cannot be rendered\n  at models/m.ff.sql:3\n  'nothing' is undefined",
        ),
        ("select 1\n{% if %}", "this is not valid Jinja\n  at models/m.ff.sql:2"),
        ("{% include 'x.sql' %}", "there is no template 'x.sql'\n  at models/m.ff.sql:1"),
        ("{{ ref(1) }}", "ref() needs a name in quotes\n  at models/m.ff.sql:1"),
        ("{{ var((1, 2)) }}", "var() needs a name in quotes\n  at models/m.ff.sql:1"),
        ("{{ env(1) }}", "env() needs a name in quotes\n  at models/m.ff.sql:1"),
        ("{{ ref() }}", f"{CANNOT}\n  ref() is written ref(name)"),
        ("{{ ref('shop', 'users') }}{% if 1 %}{% endif %}", f"{CANNOT}\n  ref() is written ref(name)"),
        ("{{ ff_date_trunc() }}", f"{CANNOT}\n  ff_date_trunc() is written ff_date_trunc(expr, part='day')"),
        ("{{ config('view') }}", f"{CANNOT}\n  config() is written config(**values)"),
        (
            "select 1\n{{ broken(1) }}",
            "the template cannot be rendered\n  at models/macros/b.sql:2\n  ZeroDivisionError",
        ),
        ("{{ ref('users')[:1] }}", "the template cuts the result of ref()"),
        ("select '\ue000'", "the characters U+E000 and U+E001 are reserved\n  at models/m.ff.sql:1"),
        ("{{ env('ODD') }}", "env('ODD') has the reserved characters"),
        (
            "{{ ''.__class__.__mro__ }}",
            "the template cannot be rendered\n  at models/m.ff.sql:1\n  access to attribute",
        ),
        (
            "{{ config(materialised='view') }}",
            "config() has no key 'materialised'\n  at models/m.ff.sql:1\n  hint: did you mean",
        ),
        (
            "{{ config(materialized='incremental') }}",
            "incremental models come in a later version of fftcas\n  at models/m",
        ),
        ("{{ config(incremental={'unique_key': 'id'}) }}", "incremental models come in a later version"),
        ("{{ config(materialized='snapshot') }}", "snapshot models come in a later version of fftcas"),
        (
            "{{ config(materialized='tabel') }}",
            "config(materialized='tabel') is not known\n  at models/m.ff.sql:1\n  hint: did you mean",
        ),
        ("{{ config(tags=3) }}", "config(tags=...) must be a text or a list of texts"),
        ("{{ config(cache='no') }}", "config(cache=...) must be true or false"),
        ("{{ config(description=1) }}", "config(description=...) must be a text"),
    ],
)
def test_mistakes_are_told_with_file_and_line(tmp_path: Path, template: str, message: str) -> None:
    files = {
        "models/m.ff.sql": template,
        "models/users.sql": "select 1",
        "models/macros/b.sql": "{% macro broken(x) %}\n{{ x // 0 }}{% endmacro %}",
        "sources.yml": SOURCES,
    }
    assert error(tmp_path, files, {"ODD": "\ue000"}).startswith(message)


@pytest.mark.parametrize("before", ["", "{% set x = 1 %}"])
def test_a_variable_without_a_value_is_told_where_it_is_written(tmp_path: Path, before: str) -> None:
    template = f"{before}{{{{ var('regoin') }}}}{{{{ env('STAGE') }}}}"
    asked = "\n{% if var('other') or env('OTHER') %}{% endif %}{{ var('third', 3) }}"
    models = {"models/m.sql": f"select '{template}' as r", "models/n.sql": f"select {asked}"}
    files = {**models, "project.yml": "vars: {region: eu}"}
    memory = Memory()
    for _ in range(2):
        project = load(tmp_path, files, memory=memory)
        assert project.warnings == (
            "models/m.sql:1: var('regoin') has no value, and the text says None: did you mean 'region'?",
            "models/m.sql:1: env('STAGE') has no value, and the text says None: write a default: env('STAGE', '...')",
        )


def test_config_counts_wherever_it_stands(tmp_path: Path) -> None:
    text = "-- note\nselect 1\n{{ config(materialized='view', tags='a', cache=false, description='One.') }}"
    project = load(tmp_path, {"models/m.sql": text})
    model = sql(project, "//:m")
    assert (model.materialized, model.tags, model.cache) == ("view", frozenset({"a"}), False)
    assert project.descriptions == {model.label: "One."}


def test_hooks_are_accepted_with_a_warning(tmp_path: Path) -> None:
    project = load(tmp_path, {"models/m.sql": "{{ config(pre_hook='x') }}select 1"})
    assert project.warnings == ("models/m.sql:1: config(pre_hook=...) has no effect: fftcas does not run hooks",)


def test_models_for_other_engines_or_disabled_are_left_out(tmp_path: Path) -> None:
    files = {
        "models/a/m.ff.sql": "{{ config(engines=['postgres']) }}{{ ref('missing') }}",
        "models/b/m.ff.sql": "{{ config(engines='DuckDB') }}select 1",
        "models/off.sql": "{{ config(enabled=false) }}select {{ ref('missing') }}",
    }
    assert [label.text for label in load(tmp_path, files).nodes] == ["//b:m"]
    message = error(tmp_path, {"models/c.sql": "from {{ ref('off') }}"})
    assert "models/off.sql is disabled or for another engine" in message


def test_ephemeral_models_are_put_into_their_readers(tmp_path: Path) -> None:
    files = {
        "models/one.sql": "select 1 as a",
        "models/two.sql": "{{ config(materialized='ephemeral') }}select a from {{ ref('one') }};",
        "models/three.sql": "{{ config(materialized='ephemeral') }}select a from {{ ref('two') }} -- done",
        "models/four.sql": "select a from {{ ref('three') }} t -- {{ ref('two') }}",
    }
    model = sql(load(tmp_path, files), "//:four")
    assert model.sql.readable() == "select a from (\nselect a from (\nselect a from //:one\n)\n) t"
    assert [label.text for label in model.inputs] == ["//:three"]
    assert [label.text for label in model.sql.inputs] == ["//:one"]


@pytest.mark.parametrize("materialized", ["table", "ephemeral"])
def test_a_cycle_is_shown_as_a_path(tmp_path: Path, materialized: str) -> None:
    config = f"{{{{ config(materialized='{materialized}') }}}}"
    files = {"models/a.sql": config + "from {{ ref('b') }}", "models/b.sql": config + "from {{ ref('a') }}"}
    assert error(tmp_path, files).startswith("the models form a cycle: //:a → //:b → //:a")


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        ("models/macros/m.sql", "{% macro x( %}", "this is not valid Jinja\n  at models/macros/m.sql:1"),
        ("macros/m.sql", "\n{{ nothing }}", "the template cannot be rendered\n  at macros/m.sql:2"),
        ("models/macros_py/m.py", "import nothing_here", "a macro file cannot be loaded\n  at models/macros_py/m.py:1"),
        ("models/macros_py/m.py", "raise SystemExit(3)", "a macro file cannot be loaded\n  at models/macros_py/m.py:1"),
        ("models/macros_py/m.py", "def f(:", "this is not valid Python\n  at models/macros_py/m.py:1"),
        (
            "models/macros_py/m.py",
            "from fftcas.http import get\nget('http://127.0.0.1:9')",
            "a macro file cannot be loaded\n  at models/macros_py/m.py:2\n  NodeError: a fetch in a Python macro",
        ),
    ],
)
def test_broken_macro_files(tmp_path: Path, path: str, text: str, message: str) -> None:
    assert error(tmp_path, {path: text}).startswith(message)


def test_a_python_macro_that_exits(tmp_path: Path) -> None:
    files = {"models/macros_py/m.py": "import sys\ndef f(): sys.exit(3)", "models/a.sql": "select\n{{ f() }}"}
    assert error(tmp_path, files).startswith("the template cannot be rendered\n  at models/a.sql:2\n  SystemExit: 3")


def test_a_file_of_macros_may_refer_to_models_and_has_no_config(tmp_path: Path) -> None:
    top = "{{ config(enabled=false) }}{% set wanted = ref('b') %}"
    files = {
        "models/macros/m.sql": top + "{% macro other() %}{{ wanted }}{% endmacro %}",
        "models/a.sql": "select 1 as x",
        "models/b.sql": "select 2 as x",
        "models/m.sql": "select * from {{ ref('a') }} union all select * from {{ other() }}",
    }
    text = sql(load(tmp_path, files), "//:m").sql.readable()
    assert text == "select * from //:a union all select * from //:b"


@pytest.mark.parametrize(
    "macros",
    [
        {"m": "{% set n = namespace(n=0) %}{% macro next() %}{% set n.n = n.n + 1 %}{{ n.n }}{% endmacro %}"},
        {"m": "{% set _n = [] %}{% macro next() %}{% set _ = _n.append(1) %}{{ _n | length }}{% endmacro %}"},
        {
            "a": "{% set c = cycler(1, 2, 3) %}{% macro c_next() %}{{ c.next() }}{% endmacro %}",
            "b": "{% set next = c_next %}",
        },
        {
            "a": "{% set n = [] %}{% macro next() %}a{{ n }}{% endmacro %}",
            "b": "{% set c = cycler(1, 2, 3) %}{% macro next() %}{{ c.next() }}{% endmacro %}",
        },
    ],
    ids=["namespace", "list", "another name", "the later file counts"],
)
def test_no_model_sees_what_another_one_has_left_in_a_file_of_macros(tmp_path: Path, macros: dict[str, str]) -> None:
    files = {f"macros/{name}.sql": text for name, text in macros.items()}
    files |= {f"models/{name}.sql": "select {{ next() }}, {{ next() }}" for name in "xy"}
    project = load(tmp_path, files)
    assert [sql(project, f"//:{name}").sql.text for name in "xy"] == ["select 1, 2"] * 2


def test_python_macros_see_the_env_files_and_vars(tmp_path: Path) -> None:
    macros = "import os\nfrom fftcas import var\ndef town(): return os.environ['FF_TOWN'] + var('region', '?')\n"
    files = {
        ".env": "FF_TOWN=Bern\n",
        "project.yml": "name: p\nversion: 1\nvars: {region: eu}\n",
        "models/macros_py/m.py": macros,
        "models/m.sql": "select '{{ town() }}'",
    }
    assert sql(load(tmp_path, files), "//:m").sql.text == "select 'Berneu'"


@pytest.mark.parametrize(
    ("template", "password", "message"),
    [
        (
            "{{ read() }}",
            "hunter2",
            "a Python macro puts the secret DB_PASSWORD into the text of a model",
        ),
        ("{{ quoted(env('DB_PASSWORD')) }}", "hunter2", None),
        ("{{ quoted('postgres') }}, {{ read() }}", "postgres", None),
        ("{{ quoted('x') }}", "quoted", None),
        ("'{{ env('FF_URL') }}'", "reader", None),
    ],
    ids=["read", "given", "said anyway", "not there", "in an open value"],
)
def test_a_python_macro_writes_no_secret(tmp_path: Path, template: str, password: str, message: str | None) -> None:
    macros = "import os\ndef quoted(x): return f\"'{x}'\"\ndef read(): return quoted(os.environ['DB_PASSWORD'])\n"
    files = {"models/macros_py/m.py": macros, "models/m.sql": f"select {template}", ".env": "FF_URL=db://reader@db/x"}
    if message is None:
        assert "hunter2" not in sql(load(tmp_path, files, {"DB_PASSWORD": password}), "//:m").sql.text
    else:
        assert error(tmp_path, files, {"DB_PASSWORD": password}).startswith(message)
