"""What models may do with their fetches: catch failures, refuse answers, use threads and processes."""

from __future__ import annotations

import os
import textwrap
from pathlib import Path

import pytest
from api_server import Api
from harness import Demo
from http_project import A, B, ok, project_fixture, run, server_fixture  # noqa: F401

PLAIN = "//api:plain"


def model(demo: Demo, name: str, body: str, above: str = "") -> None:
    """Write a model that fetches; `URL` is the server's."""
    head = "import os\nimport pandas as pd\nfrom fftcas import model\nfrom fftcas.http import HttpError, get_df\n"
    head += f"URL = os.environ['API_URL']\n{textwrap.dedent(above)}\n@model(name='{name}')\ndef fetched():\n"
    demo.write(f"models/api/{name}.ff.py", head + textwrap.indent(textwrap.dedent(body).strip("\n"), " " * 4) + "\n")


def test_what_is_made_without_all_pages_is_not_kept(project: Demo, server: Api) -> None:
    model(
        project,
        "a",
        """
        pages = lambda url, params, payload: {"next_request": {"params": {"page": 2}}} if not params else None
        try:
            return get_df(URL + "/a", paginator=pages)
        except HttpError:
            return pd.DataFrame({"id": [-1], "name": ["nobody"]})
        """,
    )
    done = ok(run(project, server, A, FF_HTTP_MAX_PAGES="1"))
    assert "is not kept" in done.result(A)["warnings"][0]
    assert ok(run(project, server, A)).built == {A}
    assert project.sql("select id from cache_demo.a") == [(1,), (1,)]


def test_an_answer_that_cannot_be_read_is_not_kept(project: Demo, server: Api) -> None:
    good, server.pages["/a"] = server.pages["/a"], b"<html>maintenance</html>"
    done = run(project, server, A)
    assert done.exit_code == 1
    assert "hint: the response is not kept: the next call asks the server again" in done.stderr
    assert run(project, server, A).exit_code == 1
    assert server.asked == ["/a"]

    server.pages["/a"] = good
    assert ok(run(project, server, A)).built == {A}
    assert set(ok(run(project, server, A)).statuses.values()) == {"fresh"}


def test_what_rests_on_a_good_answer_outlives_one_that_cannot_be_read(project: Demo, server: Api) -> None:
    model(project, "a", 'return get_df(URL + "/a", max_age=0)')
    ok(run(project, server, A))
    good, server.pages["/a"] = server.pages["/a"], b"<html>maintenance</html>"
    for _ in range(2):
        assert run(project, server, A).exit_code == 1
        assert "/a" in server.asked
    assert ok(run(project, server, A, "--offline")).statuses == {A: "fresh"}
    server.pages["/a"] = good
    done = ok(run(project, server, A))
    assert (done.built, done.result(A)["output_changed"]) == ({A}, False)


def test_without_a_network_an_answer_that_cannot_be_read_stays(project: Demo, server: Api) -> None:
    """Another model may read it as bytes."""
    server.pages["/a"] = b"<html>maintenance</html>"
    model(project, "b", 'from fftcas.http import get\nreturn pd.DataFrame({"body": [get(URL + "/a")]})')
    ok(run(project, server, B))
    for arguments in (["--offline"], ["--http-cache", "ro"]):
        done = run(project, server, A, *arguments)
        assert f"hint: `fftcas build --refresh-http {A}` asks again" in done.stderr
    assert ok(run(project, server, B, "--rebuild", "--offline")).built == {B}
    assert run(project, server, A).exit_code == 1
    server.pages["/a"] = [{"id": 1}]
    assert ok(run(project, server, A)).built == {A}
    assert server.asked == ["/a"]


FORKED = """
import multiprocessing

def page(number):
    return get_df(f"{URL}/a?page={number}")
"""
STARTED = """
import subprocess, sys

CODE = "import os; from fftcas.http import get; print(get(os.environ['API_URL'] + '/a'))"
"""
FOREIGN = [
    (FORKED, "with multiprocessing.get_context('fork').Pool(2) as pool:\n    return pd.concat(pool.map(page, [1, 2]))"),
    # The processes that take the place of others are started by a thread of the pool.
    (
        FORKED,
        "with multiprocessing.get_context('fork').Pool(1, maxtasksperchild=1) as pool:\n"
        "    pool.map(abs, range(3), 1)\n    return pd.concat(pool.map(page, [1, 2], 1))",
    ),
    (
        "import multiprocessing",
        "with multiprocessing.get_context('spawn').Pool(1) as pool:\n    return pool.map(get_df, [URL + '/a'])[0]",
    ),
    (
        STARTED,
        "said = subprocess.run([sys.executable, '-c', CODE], capture_output=True, text=True)\n"
        "if said.returncode: raise RuntimeError(said.stderr)\nreturn pd.DataFrame({'said': [said.stdout]})",
    ),
]


@pytest.mark.parametrize(("above", "body"), FOREIGN, ids=["forked", "forked by a thread", "spawned", "started"])
def test_nothing_is_fetched_where_nobody_records_it(project: Demo, server: Api, above: str, body: str) -> None:
    model(project, "a", body, above)
    done = run(project, server, A)
    assert (done.exit_code, server.asked) == (1, [])
    assert "a fetch in a process that the model has started" in done.stderr
    assert "hint: fetch in the model's own process" in done.stderr


def test_a_build_that_a_model_starts_is_a_build_of_its_own(project: Demo, server: Api) -> None:
    body = f"""
        command = [sys.executable, "-m", "fftcas", "build", "-C", {str(project.project)!r}, "-e", "dev_duckdb", "{B}"]
        subprocess.run(command, check=True, env={{**os.environ, "FF_DUCKDB_PATH": ".local/other.duckdb"}})
        return get_df(URL + "/a")
        """
    model(project, "a", body, "import subprocess, sys")
    ok(run(project, server, A))
    assert sorted(server.asked) == ["/a", "/b"]


POOL = """
import pathlib, time
from concurrent.futures import ThreadPoolExecutor

def wait(name, seconds=30):
    until = time.monotonic() + seconds
    while not pathlib.Path(name).exists() and time.monotonic() < until:
        time.sleep(0.01)
"""
THREADS = """
wait("plain_runs")
with ThreadPoolExecutor(2) as pool:
    frames = list(pool.map(get_df, [URL + "/a"] * 2))
pathlib.Path("a_has_fetched").touch()
return frames[0]
"""


def plain(project: Demo, above: str = "", seconds: int = 30) -> None:
    """Write a model that does not say that it fetches, and that runs until `a` has fetched."""
    body = f'pathlib.Path("plain_runs").touch()\nwait("a_has_fetched", {seconds})\nreturn pd.DataFrame({{"n": [1]}})'
    model(project, "plain", body, POOL + above)
    project.edit("models/api/plain.ff.py", "from fftcas.http import HttpError, get_df\n", "")


@pytest.mark.parametrize("call", ["get_df", "lambda url: http.get_df(url)", "api.get_df"])
def test_threads_fetch_while_another_model_runs(project: Demo, server: Api, call: str) -> None:
    above = f"{POOL}\nfrom fftcas import http\nfrom fastflowtransform.api import http as api\n"
    model(project, "a", THREADS.replace("get_df", call), above)
    plain(project)
    done = ok(run(project, server, A, PLAIN, "--jobs", "2"))
    assert (done.result(A)["http"]["requests"], done.result(PLAIN)["http"]) == (2, None)
    server.pages["/a"] = [{"id": 1, "name": "uno"}]
    assert ok(run(project, server, A, PLAIN, "--refresh-http")).built == {A}


def test_threads_of_models_that_may_fetch_are_not_confused(project: Demo, server: Api, tmp_path: Path) -> None:
    """A package that fetches may be called by any model."""
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages" / "company_api.py").write_text("from fftcas.http import get_df\n")
    path = os.pathsep.join([project.environment()["PYTHONPATH"], str(tmp_path / "packages")])
    model(project, "a", THREADS, POOL)
    plain(project, "import company_api", seconds=2)
    done = run(project, server, A, PLAIN, "--jobs", "2", "--keep-going", PYTHONPATH=path)
    assert done.statuses[A] == "failed"
    assert "a fetch in a thread that several running models may have started" in done.stderr
