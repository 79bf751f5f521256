"""The demo's Makefile: each target does what its line in the README promises, and edits no tracked file."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from harness import DEMO, Demo

pytestmark = [
    pytest.mark.skipif(shutil.which("make") is None, reason="needs make"),
    pytest.mark.xdist_group("the demo's port"),
]


def make(demo: Demo, api: str, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    command = ["make", f"FFTCAS={sys.executable} -m fftcas", f"PYTHON={sys.executable}", *arguments]
    environment = demo.environment(FF_DEMO_API_URL=api, **more)
    return subprocess.run(command, cwd=demo.project, env=environment, capture_output=True, text=True, timeout=300)


def statuses(project: Path) -> dict[str, set[str]]:
    """The names of the nodes by their status in the last run of a project."""
    results = json.loads((project / ".fftcas" / "target" / "run_results.json").read_text())["results"]
    return {r["status"]: {other["name"] for other in results if other["status"] == r["status"]} for r in results}


def sources(project: Path) -> dict[str, bytes]:
    """Every file that git would know, by its path."""
    ignored = {".local", ".fftcas", "site", "__pycache__"}
    return {
        str(path.relative_to(project)): path.read_bytes()
        for path in project.rglob("*")
        if path.is_file() and not ignored & set(path.relative_to(project).parts)
    }


def test_the_experiments(demo: Demo, api: str) -> None:
    before = sources(DEMO)
    everything = {
        *("seed_users", "seed_orders", "stg_users.ff", "stg_orders.ff"),
        *("mart_user_orders.ff", "py_constants", "http_users"),
    }
    for target in ("cache_first", "cache_second"):
        done = make(demo, api, target)
        assert done.returncode == 0, done.stderr
    assert statuses(demo.project) == {"fresh": everything}

    for target, changed in (
        ("change_sql", {"stg_users.ff", "mart_user_orders.ff"}),
        ("change_py", {"py_constants"}),
    ):
        done = make(demo, api, target)
        assert done.returncode == 0, done.stderr
        assert statuses(demo.project / ".local" / "copy")["built"] == changed
        assert "built" not in statuses(demo.project)

    for target in ("change_seed", "change_env"):
        done = make(demo, api, target)
        assert done.returncode == 0, done.stderr
        assert "built" not in statuses(demo.project)

    assert make(demo, api, "run_parallel").returncode == 0
    assert statuses(demo.project) == {"built": everything}
    for target in ("http_first", "http_offline"):
        done = make(demo, api, target)
        assert done.returncode == 0, done.stderr
    assert sources(demo.project) == before
    assert make(demo, api, "clean").returncode == 0
    assert not (demo.project / ".local").exists()


def test_the_engine_may_be_left_out_and_must_be_known(demo: Demo, api: str) -> None:
    for engine in ([], ["ENGINE="], ["ENGINE=duckdb "]):
        done = make(demo, api, "-n", "cache_first", *engine)
        assert done.returncode == 0
        assert "--env dev_duckdb" in done.stdout
    done = make(demo, api, "-n", "cache_first", "ENGINE=postgers")
    assert done.returncode == 2
    assert "Unsupported ENGINE=postgers. This demo is set up for: duckdb." in done.stderr


def test_the_cost_guard_stops_a_query_and_no_hit(demo: Demo, api: str) -> None:
    assert make(demo, api, "cache_first").returncode == 0
    done = make(demo, api, "cost_guard_example")
    assert done.returncode == 0, done.stderr
    assert "the query would scan" in done.stderr
    assert "FF_DUCKDB_MAX_BYTES allows 1 B" in done.stderr
    assert statuses(demo.project)["failed"] == {"mart_user_orders.ff"}
    assert make(demo, api, "cache_second", FF_DUCKDB_MAX_BYTES="1").returncode == 0
    assert set(statuses(demo.project)) == {"fresh"}


def test_help_names_every_target_of_the_readme(demo: Demo, api: str) -> None:
    listed = {line.split()[0] for line in make(demo, api).stdout.splitlines()}
    assert listed >= {
        *("cache_first", "cache_second", "change_sql", "change_seed", "change_env", "change_py", "run_parallel"),
        *("http_first", "http_offline", "http_cache_clear", "cost_guard_example", "dag", "clean"),
    }


def test_the_api_serves_while_a_command_runs(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    ask = f"import urllib.request as u, json; print(len(json.load(u.urlopen('http://127.0.0.1:{port}/users'))))"
    serve = [sys.executable, str(DEMO / "api" / "server.py"), "--port", str(port), "--run", sys.executable, "-c", ask]
    environment = {"PATH": os.environ["PATH"]}
    done = subprocess.run(serve, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "10\n")
