"""Templates that are answered as they are read give what Jinja's code gives, or are left to it."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from unittest.mock import patch

import jinja2
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fftcas.errors import ProjectError
from fftcas.project import templating
from fftcas.project.files import Files
from fftcas.project.plain_templates import PlainCall, plain_parts
from fftcas.project.templating import Templates
from fftcas.relation import RelationName

PLAIN = ["'a'", '"b.ff"', "3", "0", "true", "False", "none", "[]", "['x', \"y\",]", "[\n'x']", "''", "'a, b=1'", "'é'"]
SELDOM = [
    "'a' 'b'",
    "2.5",
    "[1, ['x']]",
    "('x', 2)",
    "{'k': [1]}",
    "'\\n'",
    "'a{{b}}'",
    "'}}'",
    "007",
    "1_0",
    "TRUE",
    "'a\nb'",
]
NOT_PLAIN = ["-1", "x", "1 + 1", "'a' ~ 'b'", "'a' | upper", "var('n')", "*[1]", "**{'a': 1}", "[x]", "'a' if x"]
NOT_PLAIN += ["1e999", f"{10**400}", "{[1]: 2}", "{1e999: 2}"]
NAMES = ["ref", "source", "config", "var", "env", "engine", "is_incremental", "ff_engine", "cents", "shout", "unknown"]
KEYWORDS = ["materialized='view'", "materialized='table'", "enabled=false", "engines=['other']", "tags=['t', 1]"]
KEYWORDS += ["default=2", "name='n'", "x=1", "materialized=x", "self=1", "class=2", "_loop_vars=1", "ｔags=[]"]
TEXTS = ["select 1\n", "  ", "\n\n", "\r\nx", "from t, ", "'é", "{# no #}", "{% raw %}{{ x }}{% endraw %}"]
OTHERS = ["{% set x = 1 %}", "{{ this }}", "{{ x }}", "{{ x.y }}", "{{ ref('a').b }}", "{{"]
OTHERS += ["{% if true %}", "{% endif %}"]
MACROS = ["", "{% macro cents(x) %}{{ x }}*100{% endmacro %}", "{% macro ref(x) %}r{% endmacro %}"]

values = st.sampled_from([*PLAIN, *PLAIN, *PLAIN, *SELDOM, *NOT_PLAIN])
calls = st.builds(
    lambda name, positional, named, space: f"{name}({space}{', '.join([*positional, *named])}{space})",
    st.sampled_from([*NAMES[:5], *NAMES]),
    st.lists(values, max_size=2),
    st.lists(st.sampled_from(KEYWORDS), max_size=2),
    st.sampled_from(["", " ", "\n"]),
)
outputs = st.builds(
    lambda braces, call: braces[0] + call + braces[1],
    st.sampled_from([("{{ ", " }}"), ("{{-", "-}}"), ("{{\n", "\n}}"), ("{{{ ", " }}}"), ("{{+", "+}}")]),
    calls,
)
templates = st.lists(st.one_of(outputs, outputs, *[st.sampled_from(TEXTS)] * 2, st.sampled_from(OTHERS)), max_size=6)


def said(template: str, macros: str, *, compiled: bool) -> object:
    """All that rendering gives and leaves, or its error."""
    rendered = Templates(Files(Path("/nowhere")), "duckdb", {"n": 7, "a": "x"}, {"a": "1", "b": "\ue000"})
    rendered.add_functions({"shout": lambda x: f"{x}!"})
    rendered.add_macros("models/macros/m.sql", macros)
    with patch.object(templating, "plain_parts", return_value=None) if compiled else nullcontext():
        try:
            found = rendered.render("models/m.ff.sql", RelationName("m", "s", "d"), template)
        except ProjectError as error:
            return str(error)
    return found, rendered.asked, rendered.repeatable


@settings(deadline=None)
@given(templates.map("".join), st.sampled_from(MACROS))
@example("{{ config(tags=['t']) }}\nselect {{ var('a') }}\nfrom {{ ref(\n'b') }}, {{ source('a', 'b') }}\n", "")
@example("select\n{{ ref() }}", "")
@example("{{ config(enabled=false) }}\n{{ var('a', {[1]: 2}) }}", "")
@example("select\n{{ env('b') }}", "")
def test_what_is_answered_as_it_is_read_is_what_jinja_says(template: str, macros: str) -> None:
    assert said(template, macros, compiled=False) == said(template, macros, compiled=True)


@pytest.mark.parametrize("value", PLAIN)
def test_calls_with_constants_are_plain(value: str) -> None:
    text = f"{{{{ config() }}}}\nselect {{{{ f({value}, k={value},) }}}}\n"
    constant = jinja2.Environment().compile_expression(value)()
    assert plain_parts(text) == [
        PlainCall("config", (), {}, 1),
        "\nselect ",
        PlainCall("f", (constant,), {"k": constant}, 2),
    ]


@pytest.mark.parametrize("value", [*SELDOM, *NOT_PLAIN, "k=1, k=2", "_k=1", "ｋ=1", "k=1, 2"])
def test_other_calls_are_left_to_jinja(value: str) -> None:
    assert plain_parts(f"select {{{{ f({value}) }}}}") is None


@pytest.mark.parametrize(
    "text",
    [
        *("{% set x = 1 %}", "{{ x }}", "{{ f.g() }}", "{{ f()() }}", "{{ f() | upper }}"),
        *("{{- f() }}", "{{ f() -}}", "{{{ f() }}", "{# f #}", "f\r\n", "{{ f() }", "{{ f( }}", "{{"),
    ],
)
def test_other_templates_are_left_to_jinja(text: str) -> None:
    assert plain_parts(text) is None
