"""`budgets.yml`: how limits are written, and what is refused, with the line that did it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from fftcas.errors import ProjectError, UsageError
from fftcas.label import Label
from fftcas.project.budgets import (
    Budget,
    Budgets,
    Limit,
    Metric,
    parse_count,
    parse_duration,
    parse_size,
)
from fftcas.project.load import load_project

ORDERS = Label.parse("//marts:orders")


def load(root: Path, text: str | None, environ: Mapping[str, str] | None = None) -> Budgets:
    (root / "models" / "marts").mkdir(parents=True, exist_ok=True)
    (root / "profiles.yml").write_text("dev:\n  engine: duckdb\n")
    (root / "models" / "marts" / "orders.ff.sql").write_text("{{ config(tags=['nightly']) }}\nselect 1 as id\n")
    if text is not None:
        (root / "budgets.yml").write_text(text)
    return load_project(root, None, environ=environ or {}, cwd=root, cli_vars={}).budgets


@pytest.mark.parametrize(
    ("text", "size"),
    [
        (1, 1),
        (1e9, 1_000_000_000),
        ("500_000", 500_000),
        ("1,000", 1000),
        ("5GB", 5 << 30),
        ("5g", 5 << 30),
        ("1.5 MiB", 3 << 19),
        ("2 tb", 2 << 40),
        ("12 b", 12),
        ("0", 0),
    ],
)
def test_sizes(text: Any, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    ("text", "milliseconds"), [("250ms", 250), ("10s", 10_000), ("1.5m", 90_000), ("2h", 7_200_000), ("1d", 86_400_000)]
)
def test_durations(text: str, milliseconds: int) -> None:
    assert parse_duration(text) == milliseconds
    assert parse_duration(7) == 7
    for long in ("9" * 30 + "d", "400000d"):
        with pytest.raises(ValueError, match="is longer than a thousand years"):
            parse_duration(long)


@pytest.mark.parametrize(
    "value",
    [
        -1,
        "-5GB",
        float("nan"),
        float("inf"),
        True,
        None,
        [],
        {},
        "",
        "GB",
        "5 XB",
        "1e",
        "5GBB",
        "１２",
        2**63,
        "9" * 400,
    ],
)
def test_what_is_no_size(value: Any) -> None:
    with pytest.raises(ValueError, match=r"must|larger"):
        parse_size(value)


def test_rows_have_no_unit() -> None:
    assert parse_count("1_000") == 1000
    with pytest.raises(ValueError, match="number of rows"):
        parse_count("5k")


def test_no_file(tmp_path: Path) -> None:
    assert load(tmp_path, None) == Budgets()


def test_budgets_by_total_node_and_tag(tmp_path: Path) -> None:
    budgets = load(
        tmp_path,
        "query_limits:\n  duckdb:\n    max_bytes: 1MB\n  bigquery:\n    max_bytes: 5\n"
        "total:\n  rows:\n    warn: 10\n    error: 0\n"
        "models:\n  orders.ff:\n    query_duration_ms:\n      error: 2s\n"
        "tags:\n  nightly:\n    bytes_scanned:\n      warn: 7\n",
    )
    assert budgets.query == Limit(1 << 20, "budgets.yml:3")
    assert budgets.run == (
        Budget("total", Metric.ROWS, None, Limit(10, "budgets.yml:8")),
        Budget(
            "models.//marts:orders", Metric.QUERY_DURATION_MS, frozenset([ORDERS]), error=Limit(2000, "budgets.yml:13")
        ),
        Budget("tags.nightly", Metric.BYTES_SCANNED, frozenset([ORDERS]), Limit(7, "budgets.yml:17")),
    )


@pytest.mark.parametrize("key", ["orders", "orders.ff", "//marts:orders"])
def test_names_of_nodes(tmp_path: Path, key: str) -> None:
    (budget,) = load(tmp_path, f"models:\n  '{key}':\n    rows: {{warn: 1}}\n").run
    assert budget.labels == frozenset([ORDERS])


def test_the_variable_beats_the_file(tmp_path: Path) -> None:
    text = "query_limits:\n  duckdb:\n    max_bytes: 1MB\n"
    assert load(tmp_path, text, {"FF_DUCKDB_MAX_BYTES": "2k"}).query == Limit(2048, "FF_DUCKDB_MAX_BYTES")
    assert load(tmp_path, text, {"FF_DUCKDB_MAX_BYTES": "0"}).query is None
    assert load(tmp_path, text, {"FF_DUCKDB_MAX_BYTES": " "}).query == Limit(1 << 20, "budgets.yml:3")
    assert load(tmp_path, text, {"FF_BQ_MAX_BYTES": "1"}).query == Limit(1 << 20, "budgets.yml:3")
    with pytest.raises(UsageError, match="FF_DUCKDB_MAX_BYTES is not a size"):
        load(tmp_path, text, {"FF_DUCKDB_MAX_BYTES": "lots"})


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("query_limit: {}\n", 1, "query_limits"),
        ("version: one\n", 1, "whole number"),
        ("query_limits:\n  duckbd: {}\n", 2, "'duckdb'"),
        ("query_limits:\n  duckdb:\n    max_byte: 1\n", 3, "'max_bytes'"),
        ("query_limits:\n  duckdb:\n    max_bytes: -1\n", 3, "negative"),
        ("query_limits:\n  duckdb:\n    max_bytes: .nan\n", 3, "size"),
        ("query_limits:\n  duckdb:\n    max_bytes: 9999999999999999999999\n", 3, "larger"),
        ("query_limits: []\n", 1, "a mapping"),
        ("total:\n  byte_scanned: {}\n", 2, "'bytes_scanned'"),
        ("total:\n  rows:\n    warning: 1\n", 3, "'warn'"),
        ("total:\n  rows: 5\n", 2, "a mapping"),
        ("total:\n  rows:\n    warn: 5GB\n", 3, "number of rows"),
        ("total:\n  query_duration_ms:\n    warn: 5GB\n", 3, "duration"),
        ("models:\n  order: {}\n", 2, "//marts:orders"),
        ("models:\n  //marts:order: {}\n", 2, "//marts:orders"),
        ("models:\n  orders: {}\n  orders.ff: {}\n", 3, "one node"),
        ("tags:\n  nihgtly: {}\n", 2, "'nightly'"),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, line: int, words: str) -> None:
    with pytest.raises(ProjectError) as caught:
        load(tmp_path, text)
    assert caught.value.where is not None
    assert str(caught.value.where) == f"budgets.yml:{line}"
    assert words in str(caught.value)
