"""What goes into a page: results that can be read, values that can be shown, and text that stays text."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fftcas.digest import Value
from fftcas.graph import Graph
from fftcas.project.profiles import Profile
from fftcas.project.project import Project
from fftcas.project.settings import Settings
from fftcas.report.page import page
from fftcas.report.page_data import cell, ingredients, last_results


@pytest.mark.parametrize("text", [None, "", "{", "[]", "null", '{"metadata": {"schema": 99}}', '{"metadata": []}'])
def test_results_that_cannot_be_read_count_as_none(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / ".fftcas" / "target").mkdir(parents=True)
        (tmp_path / ".fftcas" / "target" / "run_results.json").write_text(text)
    project = Project(tmp_path, Settings("p"), Profile("dev", "duckdb", {}), {}, {}, Graph({}), {})
    assert last_results(project) == {}


def test_long_and_nested_ingredients_are_shown_as_digests() -> None:
    recipe: dict[str, Value] = {
        "kind": "sql",
        "context": {"epoch": 0, "env": {"FF_A": "x"}},
        "sql": {"tokens": ["select"]},
        "n": None,
    }
    shown = {name: value for name, value in ingredients("", recipe)}  # noqa: C416
    assert {name: shown[name] for name in ("kind", "context.epoch", "context.env.FF_A", "n")} == {
        "kind": "sql",
        "context.epoch": "0",
        "context.env.FF_A": "x",
        "n": "–",
    }
    assert shown["sql"].startswith("digest ")


def test_cells() -> None:
    assert [cell(pa.scalar(value)) for value in (None, 1, "a")] == ["∅", "1", "a"]
    assert len(cell(pa.scalar("x" * 5000))) == 120


@given(st.text())
def test_no_text_leaves_the_data(text: str) -> None:
    made = page({"project": text, "nodes": [f"</script>{text}<!--<script>"]}, "graph")
    begin = made.index('id="data">') + len('id="data">')
    data = made[begin : made.index("</script>", begin)]
    assert json.loads(data) == {"project": text, "nodes": [f"</script>{text}<!--<script>"]}
    assert "<" not in data
