"""Budgets of a run: nothing starts above one, what was built is kept, and hits cost nothing."""

from __future__ import annotations

from harness import Demo

MART = "//marts:mart_user_orders"
SEEDS = {"//seeds:seed_users", "//seeds:seed_orders"}


def test_no_further_node_starts(demo: Demo) -> None:
    demo.write("budgets.yml", "total:\n  rows:\n    error: 5\n")
    done = demo.build("--jobs", "1")
    assert done.exit_code == 5
    assert "error: over budget: total rows is 6 rows; budgets.yml:3 allows 5 rows" in done.stderr
    rows = {"value": 6, "warn": None, "error": 5, "status": "error"}
    assert done.run_results["budgets"] == {"total": {"rows": rows}, "models": {}, "tags": {}}
    assert len(done.built) == 2 + ("//python:py_constants" in done.built)
    assert done.result(MART)["status"] == "skipped"
    assert done.result(MART)["reason"].startswith("over budget: total rows")

    following = demo.build("--jobs", "1")
    assert {following.statuses[label] for label in done.built} == {"fresh"}
    assert len(following.built) > 0


def test_the_last_node_exceeds_it_and_everything_is_kept(demo: Demo) -> None:
    demo.write("budgets.yml", "models:\n  mart_user_orders.ff:\n    rows: {error: 2}\n")
    done = demo.build()
    assert (done.exit_code, done.statuses[MART]) == (5, "built")
    following = demo.build()
    assert (following.exit_code, following.built) == (0, set())
    assert following.run_results["budgets"]["models"][MART]["rows"]["value"] == 0


def test_a_warning(demo: Demo) -> None:
    demo.write("budgets.yml", "total:\n  bytes_scanned: {warn: 1}\n")
    done = demo.build()
    assert done.exit_code == 0
    assert "warning: over budget: total bytes_scanned is" in done.stderr
    assert all(done.result(label)["bytes_scanned"] == 0 for label in SEEDS)
    assert done.result(MART)["bytes_scanned"] > 0
    assert "warning" not in demo.build().stderr
