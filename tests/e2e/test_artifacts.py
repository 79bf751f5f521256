"""What a run leaves for other programs, after a failure as well."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from harness import Demo

MART = "//marts:mart_user_orders"
STG_USERS = "models/seeds_consumers/stg_users.ff.sql"


def artifact(demo: Demo, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((demo.project / ".fftcas" / "target" / name).read_text())
    return found


def events(demo: Demo) -> list[dict[str, Any]]:
    """The events of the last run."""
    newest = max((demo.project / ".fftcas" / "runs").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    return [json.loads(line) for line in newest.read_text().splitlines()]


def test_the_manifest(built: Demo) -> None:
    manifest = artifact(built, "manifest.json")
    mart = manifest["nodes"][MART]
    assert mart["inputs"] == ["//seeds_consumers:stg_users", "//seeds_consumers:stg_orders"]
    assert mart["path"] == "models/marts/mart_user_orders.ff.sql"
    assert mart["level"] == 2
    assert mart["derivation"]["key"] == built.build().result(MART)["derivation"]
    assert "sql" in mart["derivation"]["recipe"]
    assert {i["label"] for i in mart["derivation"]["inputs"]} == {"//seeds:seed_orders", "//seeds_consumers:stg_users"}
    assert manifest["nodes"]["//http:http_users"]["derivation"] is None  # this run did not look at it


def test_the_catalog(built: Demo) -> None:
    relation = artifact(built, "catalog.json")["relations"][MART]
    assert relation["rows"] == 3
    assert relation["bytes"] == sum(column["bytes"] for column in relation["columns"])
    assert [(c["name"], c["type"]) for c in relation["columns"]] == built.types("mart_user_orders")


def test_they_are_written_again_only_when_they_would_differ(built: Demo) -> None:
    before = artifact(built, "manifest.json")["metadata"]["run_id"]
    built.build()
    assert artifact(built, "manifest.json")["metadata"]["run_id"] == before
    built.edit(STG_USERS, "lower", "upper")
    built.build()
    for name in ("manifest.json", "catalog.json"):
        assert artifact(built, name)["metadata"]["run_id"] != before


@pytest.mark.parametrize(
    "damage", ["", "{", "[]", '{"metadata": {"schema": 1}, "nodes": {"//a:b": {"derivation": []}}}']
)
def test_a_manifest_that_was_written_again_says_what_a_new_one_says(built: Demo, damage: str) -> None:
    built.edit(STG_USERS, "lower", "upper")
    if damage:
        (built.project / ".fftcas" / "target" / "manifest.json").write_text(damage)
    built.build()
    written = artifact(built, "manifest.json")["nodes"]
    (built.project / ".fftcas" / "target" / "manifest.json").unlink()
    built.build()
    assert artifact(built, "manifest.json")["nodes"] == written


def test_the_event_log(built: Demo) -> None:
    kinds = [event["event"] for event in events(built)]
    assert (kinds[0], kinds[-1], kinds.count("node_done")) == ("run_started", "run_finished", 6)
    built.build()
    assert [event["event"] for event in events(built)] == ["run_started", "run_finished"]
    assert events(built)[-1]["fresh"] == 6


def test_after_a_failure(demo: Demo, tmp_path: Path) -> None:
    demo.edit(STG_USERS, "trim(email)", "trim(emial)")
    files = {name: tmp_path / "reports" / f"run.{name}" for name in ("xml", "md", "json")}
    extras = ("--junit", str(files["xml"]), "--md", str(files["md"]), "--trace", str(files["json"]))
    done = demo.build("--keep-going", *extras)
    assert done.exit_code == 1
    suite = ET.fromstring(files["xml"].read_text())
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("6", "1", "1")
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert "emial" in str(failure.text)
    text = files["md"].read_text()
    assert text.startswith("### ❌ fftcas: cache\\_demo")
    assert "| 🔴 failed | `//seeds_consumers:stg_users` |" in text
    spans = [event for event in json.loads(files["json"].read_text())["traceEvents"] if event["ph"] == "X"]
    assert {span["name"] for span in spans} == set(done.statuses) - {MART}
    assert artifact(demo, "run_results.json")["metadata"]["exit_code"] == 1
    assert artifact(demo, "manifest.json")["nodes"][MART]["derivation"] is None
    assert events(demo)[-1]["failed"] == 1


def test_what_hits_saved(built: Demo) -> None:
    saved = built.build().run_results["saved"]
    assert saved["nodes"] == 6
    assert saved["rows"] == 13
    assert saved["seconds"] > 0


def test_a_target_directory_that_cannot_be_written(demo: Demo) -> None:
    demo.write(".fftcas/runs", "a file\n")
    done = demo.build()
    assert done.exit_code == 2
    assert "cannot write" in done.stderr
    assert "Traceback" not in done.stderr
