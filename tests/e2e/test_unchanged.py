"""What is said again without finding it out: only while nothing at all has changed, and with next to no imports."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import Demo
from observed import HEAVY, observe, tell

from fftcas.cli.watched import NEVER, project_files

BUILD = ("build", "-e", "dev_duckdb", "--", "//...", "-//http/...")


def modules(demo: Demo, **more: str) -> frozenset[str]:
    """The modules that a build imports."""
    return observe(demo, *BUILD, **more).modules


@pytest.fixture
def remembered(built: Demo) -> Demo:
    """A built demo whose last run was remembered: its files are old enough to be told apart from later edits."""
    time.sleep(2.1)
    tell(built, *BUILD)
    assert not modules(built) & HEAVY
    return built


def test_a_build_with_nothing_to_do_imports_nothing_large(remembered: Demo) -> None:
    assert not modules(remembered) & HEAVY


def test_it_leaves_results_of_a_new_run(remembered: Demo) -> None:
    path = remembered.project / ".fftcas" / "target" / "run_results.json"
    before = json.loads(path.read_text())
    modules(remembered)
    after = json.loads(path.read_text())
    assert after["results"] == before["results"]
    assert after["metadata"]["run_id"] != before["metadata"]["run_id"]
    assert after["metadata"]["started_at"] > before["metadata"]["finished_at"]
    assert after["metadata"].keys() == before["metadata"].keys()


def test_it_leaves_what_a_run_in_full_leaves(remembered: Demo) -> None:
    folder = remembered.project / ".fftcas" / "target"
    path = folder / "run_results.json"
    path.chmod(0o600)
    modules(remembered)
    path.unlink()
    assert not modules(remembered) & HEAVY
    again = path.stat().st_mode
    shutil.rmtree(folder)
    assert "click" in modules(remembered)
    assert {file.name for file in folder.iterdir()} == {"run_results.json", "manifest.json", "catalog.json"}
    assert path.stat().st_mode == again
    left = (folder / "catalog.json").read_text()
    assert tell(remembered, *BUILD[:3], "//seeds/...")[0] == 0
    assert (folder / "catalog.json").read_text() != left
    assert "click" in modules(remembered)
    assert json.loads((folder / "catalog.json").read_text())["relations"] == json.loads(left)["relations"]


CHANGES: dict[str, Callable[[Demo], object]] = {
    "a model": lambda demo: demo.edit("models/marts/mart_user_orders.ff.sql", "select", "select "),
    "a model of the same size": lambda demo: demo.edit(
        "models/python/py_constants.ff.py", "ANSWER = 42", "ANSWER = 43"
    ),
    "a new model": lambda demo: demo.write("models/marts/other.ff.sql", "select 1 as one"),
    "a model taken away": lambda demo: (demo.project / "models/marts/mart_user_orders.ff.sql").unlink(),
    "a seed": lambda demo: demo.edit("seeds/seed_users.csv", "1,", "9,"),
    "a .env file": lambda demo: demo.write(".env", "FF_DEMO_TOGGLE=1"),
    "the working directory's .env file": lambda demo: (demo.home / ".env").write_text("FF_DEMO_TOGGLE=1"),
    "a model in a folder called site": lambda demo: demo.write("models/site/other.ff.sql", "select 1 as one"),
    "a seed in a folder called target": lambda demo: demo.write("seeds/target/more.csv", "id\n1\n"),
    "a helper": lambda demo: demo.write("helpers/__init__.py", ""),
    "the database": lambda demo: demo.sql("drop table cache_demo.mart_user_orders"),
    "no database": lambda demo: demo.database.unlink(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_any_change_is_found_out(remembered: Demo, change: Callable[[Demo], object]) -> None:
    change(remembered)
    assert "click" in modules(remembered)


def test_a_variable_is_found_out(remembered: Demo) -> None:
    assert "click" in modules(remembered, FF_DEMO_TOGGLE="1")
    assert "click" in modules(remembered, SOME_TOKEN="s3cret")


def test_whether_a_required_remote_can_be_used_is_found_out(remembered: Demo, place: Path) -> None:
    remote = {"FFTCAS_REMOTE": str(place), "FFTCAS_REMOTE_MODE": "required"}
    assert tell(remembered, *BUILD, **remote)[0] == 0
    shutil.rmtree(place)
    assert tell(remembered, *BUILD, **remote)[0] == 6


def test_what_lies_in_the_store_alone_is_looked_for_each_time(remembered: Demo) -> None:
    remembered.sql("drop table cache_demo.mart_user_orders")
    wanted = (BUILD[0], "--materialize", "none", *BUILD[1:])
    assert "6 fresh in" in tell(remembered, *wanted)[1]
    shutil.rmtree(remembered.home / "store")
    assert "5 fresh, 1 built in" in tell(remembered, *wanted)[1]


def test_each_commit_has_a_run(built: Demo) -> None:
    """It is what `show LABEL@HEAD` asks for."""

    def commit(*words: str) -> None:
        who = ["-c", "user.name=n", "-c", "user.email=e"]
        subprocess.run(["git", *who, "commit", "-q", *words, "-m", "one"], cwd=built.project, check=True)

    subprocess.run(["git", "init", "-q"], cwd=built.project, check=True)
    commit("--allow-empty")
    time.sleep(2.1)
    for _ in range(2):
        tell(built, *BUILD)
        assert not modules(built) & HEAVY
        commit("--allow-empty")
        assert "click" in modules(built)
        assert tell(built, "show", "//marts:mart_user_orders@HEAD")[0] == 0


def test_a_file_that_is_too_young_is_not_trusted(built: Demo) -> None:
    built.write("models/marts/other.ff.sql", "select 1 as one")
    soon = time.time() + 3600
    os.utime(built.project / "models/marts/other.ff.sql", (soon, soon))
    tell(built, *BUILD)
    tell(built, *BUILD)
    assert "click" in modules(built)


def test_links_that_lead_nowhere_or_in_circles_are_looked_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text("select 1")
    for link, target in {"nothing": "nowhere", "itself": "itself", "here": ".", "again": "here"}.items():
        (tmp_path / link).symlink_to(target)
    files, newest = project_files(str(tmp_path))
    assert files.count("a.sql") <= 2
    assert newest < time.time_ns()
    (tmp_path / "outside").symlink_to("/")
    assert project_files(str(tmp_path))[1] == NEVER


def test_what_python_macros_rest_on_is_not_known(built: Demo) -> None:
    built.write("models/macros_py/today.py", "def today(): return 1\n")
    time.sleep(2.1)
    tell(built, *BUILD)
    assert "click" in modules(built)


def test_no_value_of_a_variable_is_kept(remembered: Demo) -> None:
    for _ in range(2):
        tell(remembered, *BUILD, SOME_TOKEN="s3cret-canary")
    kept = [path.read_bytes() for path in (remembered.project / ".fftcas").rglob("*") if path.is_file()]
    assert kept
    assert not any(b"s3cret-canary" in data for data in kept)
