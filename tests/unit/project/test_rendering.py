"""What is remembered of rendered models gives what rendering them again would give."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from projects import Memory, write

from fftcas.errors import ProjectError
from fftcas.project import rendering
from fftcas.project.files import Files
from fftcas.project.rendered import Rendered
from fftcas.project.rendering import Renderer
from fftcas.relation import RelationName

PROJECT = {
    "models/a.ff.sql": "{{ config(tags=['t'], description='d') }}select {{ var('n', 1) }} from {{ ref('b') }}",
    "models/b.ff.sql": "select '{{ env('FF_X', '-') }}', '{{ env('MY_TOKEN') }}', {{ twice(2) }} from {{ this }}",
    "models/c.ff.sql": "{{ config(engines=['postgres']) }}select {{ var('n') }}",
    "models/d.ff.sql": "{% include 'part.sql' %}",
    "models/e.ff.sql": "select {{ [1, 1] | random }}",
    "models/part.sql.j2": "",
    "part.sql": "select {{ var('n', 2) }}",
    "models/macros/m.sql": "{% set one = var('one', 1) %}{% macro twice(x) %}{{ x }} * 2 + {{ one }}{% endmacro %}",
}
MODELS = [f"models/{name}.ff.sql" for name in "abcde"]
SECRET = "hunter2"
KNOWN = 4
"""Three models and that the macros are sound; what includes a file, and what is random, is not remembered."""


def render(
    root: Path,
    memory: Memory | None,
    values: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    engine: str = "duckdb",
) -> list[Rendered | None]:
    environ = environ or {"MY_TOKEN": SECRET}
    renderer = Renderer(Files(root), engine, {"n": 1} if values is None else values, environ, memory)
    return renderer.render([(path, RelationName(path)) for path in MODELS])


@pytest.fixture
def memory(tmp_path: Path) -> Memory:
    write(tmp_path, PROJECT)
    memory = Memory()
    assert render(tmp_path, memory) == render(tmp_path, None)
    assert memory.puts == KNOWN
    return memory


def test_what_is_known_is_not_rendered_again(tmp_path: Path, memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    fresh = render(tmp_path, None)
    assert render(tmp_path, memory) == fresh
    assert memory.puts == KNOWN
    for path in MODELS[3:]:
        (tmp_path / path).write_text("select 1", encoding="utf-8")
    render(tmp_path, memory)
    monkeypatch.setattr(Renderer, "_templates", None)
    assert render(tmp_path, memory)[:3] == fresh[:3]


@pytest.mark.parametrize(
    ("path", "text", "again"),
    [
        ("models/a.ff.sql", "select 2", 1),
        ("models/macros/m.sql", "{% macro twice(x) %}{{ x }} + {{ x }}{% endmacro %}", 2),
        ("models/macros/m.sql", "{% macro twice(x) %}{{ x }} + {{ two }}{% endmacro %}{% set two = var('two') %}", 2),
        ("models/macros/m.sql", "{% macro more(x) %}{% endmacro %}{% set twice = more %}", 2),
        ("macros/more.sql", "{% macro more() %}{% endmacro %}", 1),
        ("macros/more.sql", "{% if false %}{% macro twice() %}{% endmacro %}{% endif %}", 2),
        ("macros/more.sql", "{% macro var(name, default) %}0{% endmacro %}", 4),
        ("part.sql", "select 3", 0),
        ("models/macros_py/p.py", "def twice(x): return 'x'", 0),
    ],
)
def test_edited_files(tmp_path: Path, memory: Memory, path: str, text: str, again: int) -> None:
    write(tmp_path, {path: text})
    assert render(tmp_path, memory) == render(tmp_path, None)
    assert memory.puts == KNOWN + again


def test_a_macro_that_is_wrong_is_told_each_time_though_nobody_uses_it(tmp_path: Path, memory: Memory) -> None:
    write(tmp_path, {"macros/more.sql": "{% macro more() %}{{ 1 + }}{% endmacro %}"})
    for _ in range(2):
        with pytest.raises(ProjectError, match=r"macros/more.sql"):
            render(tmp_path, memory)


def test_a_macro_that_is_used_by_a_macro(tmp_path: Path) -> None:
    write(tmp_path, {**PROJECT, "models/macros/a.sql": "{% macro inner() %}1{% endmacro %}"})
    write(tmp_path, {"models/macros/m.sql": "{% macro twice(x) %}{{ inner() }}{% endmacro %}"})
    memory = Memory()
    render(tmp_path, memory)
    write(tmp_path, {"models/macros/a.sql": "{% macro inner() %}2{% endmacro %}"})
    assert render(tmp_path, memory) == render(tmp_path, None)


@pytest.mark.parametrize(
    ("values", "environ", "engine", "again"),
    [
        ({"n": 2}, {"MY_TOKEN": SECRET}, "duckdb", 1),
        ({"n": "1"}, {"MY_TOKEN": SECRET}, "duckdb", 1),
        ({"n": 1, "one": 5}, {"MY_TOKEN": SECRET}, "duckdb", 4),
        ({"n": 1, "other": 5}, {"MY_TOKEN": SECRET}, "duckdb", 0),
        ({"n": 1}, {"MY_TOKEN": SECRET, "FF_X": "x"}, "duckdb", 1),
        ({"n": 1}, {"MY_TOKEN": "other"}, "duckdb", 0),
        ({"n": 1}, {"FF_Y": "x"}, "duckdb", 1),
        ({"n": 1}, {"MY_TOKEN": SECRET}, "postgres", 4),
    ],
)
def test_other_values(
    tmp_path: Path, memory: Memory, values: Mapping[str, Any], environ: Mapping[str, str], engine: str, again: int
) -> None:
    assert render(tmp_path, memory, values, environ, engine) == render(tmp_path, None, values, environ, engine)
    assert memory.puts == KNOWN + again


def test_another_fftcas_renders_again(tmp_path: Path, memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "__version__", "999")
    render(tmp_path, memory)
    assert memory.puts == 2 * KNOWN


def test_no_secret_is_remembered(memory: Memory) -> None:
    assert not any(SECRET.encode() in value for value in memory.records.values())
