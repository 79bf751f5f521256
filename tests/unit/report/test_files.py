"""Files for other programs: JSON in lines, and written whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fftcas.errors import UsageError
from fftcas.report.files import json_lines, write_text
from fftcas.report.savings import over_time
from fftcas.store.stats import Day

LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


@given(st.dictionaries(st.text(), VALUES))
def test_json_is_what_it_was(document: dict[str, object]) -> None:
    assert json.loads(json_lines(document)) == document


def test_a_line_for_each_thing() -> None:
    document = {"a": 1, "b": [{"x": [1]}, {}], "c": MappingProxyType({"y": MappingProxyType({"z": 2})}), "d": []}
    lines = ['"a": 1,', '"b": [', '{"x": [1]},', "{}", "],", '"c": {', '"y": {"z": 2}', "},", '"d": []']
    assert [line.strip() for line in json_lines(document).splitlines()] == ["{", *lines, "}"]


def test_what_cannot_be_written_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file"
    write_text(path, "old \ud800")
    with pytest.raises(UsageError, match="cannot write"):
        write_text(path / "below", "new")
    assert path.read_text() == "old \\ud800"
    assert [found.name for found in path.parent.iterdir()] == ["file"]


def test_savings_over_time() -> None:
    days = [
        Day("2026-01-30", 2, {"fresh": 3, "restored": 3, "built": 2, "failed": 0, "skipped": 9}, 30.0),
        Day("2026-01-31", 1, {}, 0.0),
    ]
    assert over_time(days) == [
        "2026-01-30      2 runs   75% hits  saved     30.0 s  " + "█" * 20,
        "2026-01-31      1 runs     – hits  saved       0 ms",
    ]
    assert over_time([]) == []
