"""Responses are inputs: kept, refreshed, locked, and never asked for without need."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

from api_server import Api
from harness import Demo
from http_project import MODEL, READER, A, B, fetch, ok, project_fixture, run, server_fixture  # noqa: F401


def test_a_hit_needs_no_network(project: Demo, server: Api) -> None:
    done = ok(run(project, server, "//api/..."))
    assert done.built == {A, B, READER}
    assert done.result(A)["http"] == {"requests": 1, "cache_hits": 0, "bytes": 26, "used_offline": False}
    assert done.result(READER)["http"] is None

    server.stop()
    told = {"requests": 1, "cache_hits": 1, "bytes": 26, "used_offline": False}
    done = ok(run(project, server, "//api/..."))
    assert (set(done.statuses.values()), done.result(A)["http"]) == ({"fresh"}, told)

    project.database.unlink()
    done = ok(run(project, server, "//api/...", "--offline"))
    assert set(done.statuses.values()) == {"restored"}
    assert done.result(A)["http"] == {**told, "used_offline": True}
    assert done.result(READER)["http"] is None

    # A response serves every model that asks for the same.
    project.edit("models/api/a.ff.py", "return get_df", "return 1 and get_df")
    done = ok(run(project, server, "//api/..."))
    assert (done.built, done.result(A)["http"]) == ({A}, told)


def test_refreshed_bytes_that_are_the_same_run_nothing(project: Demo, server: Api) -> None:
    ok(run(project, server, "//api/..."))
    for arguments in (["--refresh-http"], ["--refresh-http", "//api:a"]):
        done = ok(run(project, server, "//api/...", *arguments))
        assert set(done.statuses.values()) == {"fresh"}
        assert server.asked == (["/a", "/b"] if len(arguments) == 1 else ["/a"]) or sorted(server.asked) == ["/a", "/b"]
        assert all("if-none-match" in head for head in server.heads)


def test_other_bytes_run_that_model_and_its_readers(project: Demo, server: Api) -> None:
    ok(run(project, server, "//api/..."))
    server.pages["/a"] = [{"id": 1, "name": "uno"}]
    assert set(ok(run(project, server, "//api/...")).statuses.values()) == {"fresh"}
    assert server.asked == []
    plan = ok(run(project, server, "//api/...", "--refresh-http"))
    assert plan.built == {A, READER}
    assert plan.result(A)["reason"] == f"another response to GET {server.url}/a"
    assert sorted(server.asked) == ["/a", "/b"]
    assert project.sql("select name from cache_demo.reader") == [("uno",)]

    # Other bytes, the same rows: its readers have nothing to do.
    server.pages["/a"] = [{"name": "uno", "id": 1}]
    project.edit("models/api/a.ff.py", '"/a")', '"/a")[["id", "name"]]')
    ok(run(project, server, "//api/..."))
    server.pages["/a"] = [{"id": 1, "name": "uno", "more": 1}]
    done = ok(run(project, server, "//api/...", "--refresh-http"))
    assert (done.built, done.result(A)["output_changed"]) == ({A}, False)


def test_expired_responses_are_asked_for_again(project: Demo, server: Api) -> None:
    fetch(project, "a", ", max_age=0")
    fetch(project, "b", ", headers={'X-User': 'someone'}")
    ok(run(project, server, "//api/..."))
    ok(run(project, server, "//api/..."))
    assert server.asked == ["/a"]

    why = run(project, server, "//api/...", command="why-rebuild")
    assert server.asked == []
    assert "if other responses come" in why.stdout
    assert set(ok(run(project, server, "//api/...", "--offline")).statuses.values()) == {"fresh"}
    assert server.asked == []

    # Only the model knows the credentials of its request: it runs, finds the same, and its readers rest.
    done = ok(run(project, server, "//api/...", FF_HTTP_TTL="0.001"))
    assert (done.built, done.result(B)["output_changed"]) == ({B}, False)
    assert done.result(B)["reason"] == "only the model could ask again for its responses"


def test_a_second_database_does_not_keep_old_rows(project: Demo, server: Api) -> None:
    first, second = {"FF_DUCKDB_PATH": ".local/demo.duckdb"}, {"FF_DUCKDB_PATH": ".local/other.duckdb"}
    ok(run(project, server, "//api/...", **first))
    server.pages["/a"] = [{"id": 1, "name": "uno"}]
    ok(run(project, server, "//api/...", "--refresh-http", **second))
    done = ok(run(project, server, "//api/...", **first))
    assert (done.built, done.statuses[A]) == (set(), "restored")
    assert project.sql("select name from cache_demo.reader") == [("uno",)]


def test_offline_a_miss_says_what_to_do(project: Demo, server: Api) -> None:
    done = run(project, server, A, "--offline")
    assert (done.exit_code, server.asked) == (1, [])
    assert f"GET {server.url}/a is not in the store" in done.stderr
    assert f"model {A} needs it" in done.stderr
    assert "at models/api/a.ff.py:8" in done.stderr
    assert f"`fftcas build {A}`" in done.stderr


def test_cache_modes(project: Demo, server: Api) -> None:
    ok(run(project, server, A, "--http-cache", "ro"))
    assert "not in the store" in run(project, server, A, "--rebuild", "--offline").stderr
    ok(run(project, server, A, "--rebuild"))
    ok(run(project, server, A, "--rebuild"))
    assert server.asked == []
    ok(run(project, server, A, "--rebuild", "--http-cache", "off"))
    assert server.asked == ["/a"]


def test_without_the_cache_old_responses_are_old_all_the_same(project: Demo, server: Api) -> None:
    fetch(project, "a", ", max_age=0.001")
    fetch(project, "b", ", max_age=1000")
    ok(run(project, server, "//api/..."))
    server.pages["/a"] = [{"id": 1, "name": "uno"}]
    done = ok(run(project, server, "//api/...", "--http-cache", "off"))
    assert (done.built, server.asked) == ({A, READER}, ["/a"])
    assert project.sql("select name from cache_demo.reader") == [("uno",)]
    assert set(ok(run(project, server, "//api/...", "--http-cache", "off", "--offline")).statuses.values()) == {"fresh"}
    assert ok(run(project, server, B, "--http-cache", "off", "--refresh-http")).built == {B}

    # Nobody knows the age of what was not kept.
    project.edit("models/api/b.ff.py", "return get_df", "return 1 and get_df")
    server.pages["/b"] = [{"id": 3}]
    for _ in range(2):
        assert ok(run(project, server, B, "--http-cache", "off")).built == {B}
    fetch(project, "b")
    server.pages["/b"] = [{"id": 4}]
    assert ok(run(project, server, B, "--http-cache", "off")).built == {B}
    assert ok(run(project, server, B, "--http-cache", "off")).statuses == {B: "fresh"}
    assert ok(run(project, server, B, "--http-cache", "off", FF_HTTP_TTL="1000")).built == {B}


def test_a_failing_api_stops_only_what_reads_it(project: Demo, server: Api) -> None:
    server.pages["/a"] = 500
    done = run(project, server, "//api/...", "--keep-going", FF_HTTP_MAX_RETRIES="2")
    assert done.exit_code == 1
    assert done.statuses == {A: "failed", READER: "skipped", B: "built"}
    assert f"GET {server.url}/a: 500 Internal Server Error (2 attempts)" in done.stderr
    assert "at models/api/a.ff.py:8" in done.stderr
    assert "Traceback" not in done.stderr
    assert server.asked.count("/a") == 2

    server.pages["/a"] = [{"id": 1, "name": "one"}]
    assert ok(run(project, server, "//api/...")).built == {A, READER}


def test_what_a_model_makes_of_a_failure_is_not_kept(project: Demo, server: Api) -> None:
    project.write(
        "models/api/a.ff.py",
        "import os\nimport pandas as pd\nfrom fftcas import model\nfrom fftcas.http import HttpError, get_df\n\n"
        '@model(name="a")\ndef fetched():\n    try:\n        return get_df(os.environ["API_URL"] + "/a")\n'
        '    except HttpError:\n        return pd.DataFrame({"id": [0], "name": ["nobody"]})\n',
    )
    server.pages["/a"] = 404
    for _ in range(2):
        done = ok(run(project, server, A))
        assert (done.built, done.result(A)["http"]) == ({A}, None)
        assert "is not kept" in done.result(A)["warnings"][0]
    server.pages["/a"] = [{"id": 1, "name": "one"}]
    assert ok(run(project, server, A)).built == {A}
    assert set(ok(run(project, server, A)).statuses.values()) == {"fresh"}


def test_responses_travel_through_a_remote(project: Demo, server: Api, tmp_path: Path) -> None:
    fetch(project, "b", ", ttl=0")
    (tmp_path / "remote").mkdir()
    remote = f"--remote={tmp_path / 'remote'}"
    ok(run(project, server, "//api/...", remote))
    (tmp_path / "elsewhere").mkdir()
    other = replace(project, home=tmp_path / "elsewhere")
    project.database.unlink()
    server.stop()
    done = ok(run(other, server, "//api/...", remote))
    assert set(done.statuses.values()) == {"restored"}
    assert done.result(A)["http"]["cache_hits"] == 1
    project.edit("models/api/a.ff.py", "return get_df", "return 1 and get_df")
    assert ok(run(other, server, "//api/...", "--offline", remote)).built == {A}


def test_a_collection_leaves_responses_alone(project: Demo, server: Api) -> None:
    ok(run(project, server, "//api/..."))
    done = project.fftcas("gc", "--older-than", "0s", "--grace", "0s", "--max-size", "1KB")
    assert "forgot 3 outputs" in ok(done).stdout
    project.database.unlink()
    done = ok(run(project, server, "//api/...", "--offline"))
    assert (done.built, done.result(A)["http"]["cache_hits"]) == ({A, B, READER}, 1)


def test_why_rebuild_asks_nobody_and_names_the_request(project: Demo, server: Api) -> None:
    ok(run(project, server, "//api/..."))
    server.pages["/a"] = [{"id": 1, "name": "uno"}]
    plan = ok(run(project, server, "//api/...", "--refresh-http", "--dry-run"))
    assert "if other responses come" in plan.stdout
    assert server.asked == []
    other = MODEL.format(name="a", more=")[['id']].head(").replace('name="a"', 'name="other"')
    project.write("models/api/other.ff.py", other)
    ok(run(project, server, "//api:other", "--refresh-http"))
    why = json.loads(ok(run(project, server, A, "--json", command="why-rebuild")).stdout)
    (cause,) = why["roots"]
    assert (cause["kind"], cause["words"]) == ("response", f"another response to GET {server.url}/a")
    assert ok(run(project, server, "//api/...")).built == {A, READER}
    assert server.asked == []


def test_the_notice_about_a_cache_directory_comes_once(project: Demo, server: Api) -> None:
    done = ok(run(project, server, "//api/...", FF_HTTP_CACHE_DIR=".local/http"))
    assert done.stdout.count("FF_HTTP_CACHE_DIR is not used") == 1
    done = run(project, server, "//api/...", FF_HTTP_TTL="soon")
    assert (done.exit_code, "FF_HTTP_TTL is 'soon'" in done.stderr) == (2, True)


def test_locked(project: Demo, server: Api) -> None:
    lock = project.project / "fftcas.lock"
    done = run(project, server, "//api/...", "--locked")
    assert (done.exit_code, "the project has no fftcas.lock" in done.stderr) == (7, True)
    assert "fftcas.lock: 2 responses" in ok(run(project, server, command="lock")).stdout
    lines = json.loads(lock.read_text())["responses"]
    assert [line["url"] for line in lines] == [f"{server.url}/a", f"{server.url}/b"]
    before = lock.read_text()
    assert set(ok(run(project, server, "//api/...", "--locked")).statuses.values()) == {"fresh"}

    # Another machine gets these very responses from the server, or fails.
    shutil.rmtree(project.home / "store")
    project.database.unlink()
    ok(run(project, server, "//api/...", "--locked"))
    server.pages["/a"] = [{"id": 1, "name": "uno"}]
    shutil.rmtree(project.home / "store")
    project.database.unlink()
    done = run(project, server, "//api/...", "--locked", "--keep-going")
    assert done.exit_code == 7
    assert done.statuses == {A: "failed", B: "built", READER: "skipped"}
    assert f"GET {server.url}/a has another response than fftcas.lock says" in done.stderr
    assert "at models/api/a.ff.py:8" in done.stderr
    assert lock.read_text() == before

    # A store that has gone on gives what is locked, too.
    assert ok(run(project, server, "//api/...")).built == {A, READER}
    assert run(project, server, "//api/...", "--locked").exit_code == 7

    ok(run(project, server, "--update", "//api:a", command="lock"))
    after = json.loads(lock.read_text())["responses"]
    assert ([line["url"] for line in after], after[0] == lines[0], after[1]) == (
        [f"{server.url}/a", f"{server.url}/b"],
        False,
        lines[1],
    )
    assert set(ok(run(project, server, "//api/...", "--locked")).statuses.values()) == {"fresh"}

    # A request that is not locked is an error, never a fetch.
    project.edit("models/api/b.ff.py", '"/b"', '"/a", params={"page": 2}')
    done = run(project, server, "//api/...", "--locked")
    assert (done.exit_code, server.asked) == (7, [])
    assert "is not in fftcas.lock" in done.stderr
    assert "`fftcas lock --update //api:b`" in done.stderr
    assert run(project, server, "--locked", "--refresh-http").exit_code == 2


def test_a_lock_is_not_written_after_a_failure(project: Demo, server: Api) -> None:
    server.pages["/a"] = 404
    done = run(project, server, command="lock")
    assert (done.exit_code, "fftcas.lock was not written" in done.stderr) == (1, True)
    assert not (project.project / "fftcas.lock").exists()


NAMED = {"API_TOKEN": "canary-one-5f1c9e", "API_SIGNING_KEY": "canary-two-c4d1b7"}
"""Secrets by the names of their variables."""
UNNAMED = {"login": "canary-three-77ab02", "client": "canary-four-90e2aa"}
"""Secrets that only their places in a request give away."""


def test_credentials_are_nowhere(project: Demo, server: Api, tmp_path: Path) -> None:
    (tmp_path / "remote").mkdir()
    (tmp_path / "logins").mkdir()
    for name, value in UNNAMED.items():
        (tmp_path / "logins" / name).write_text(value)
    project.write(
        "models/api/a.ff.py",
        "import os\nfrom pathlib import Path\nfrom fftcas import model\nfrom fftcas.http import get_df\n\n"
        '@model(name="a")\ndef fetched():\n    logins = Path(os.environ["LOGINS"])\n'
        '    headers = {"Authorization": "Bearer " + (logins / "login").read_text(), "X-Me": os.environ["API_TOKEN"]}\n'
        '    params = {"api_key": (logins / "client").read_text(), "q": os.environ["API_SIGNING_KEY"], "page": 1}\n'
        '    return get_df(os.environ["API_URL"] + "/a", headers=headers, params=params)[["id", "name"]]\n',
    )
    canaries = [*NAMED.values(), *UNNAMED.values()]
    environment = {**NAMED, "LOGINS": str(tmp_path / "logins"), "FF_HTTP_MAX_RETRIES": "1"}
    streams = []

    def say(*arguments: str, command: str = "build") -> None:
        done = run(project, server, *arguments, command=command, **environment)
        streams.extend([done.stdout, done.stderr])

    for page in ([{"id": 1, "name": "one"}], [{"id": 1, "name": "one", "you": canaries}], 500):
        server.pages["/a"] = page
        for more in (["-v"], ["--refresh-http", "--json"], ["--offline"]):
            say("//api/...", "--keep-going", f"--remote={tmp_path / 'remote'}", *more)
        if page != 500:
            say(command="lock")
            say("//api/...", command="why-rebuild")
    assert "***" in "".join(streams)
    folders = [project.project, project.home, tmp_path / "remote", project.log.folder]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    assert any(path.name == "fftcas.lock" for path in files)
    kept = {str(path): path.read_bytes() for path in files} | {"streams": "".join(streams).encode()}
    assert {(name, value) for name, data in kept.items() for value in canaries if value.encode() in data} == set()


def test_the_next_token_asks_anew(project: Demo, server: Api) -> None:
    """Two credentials never share a response; a token that was rotated does not rebuild by itself."""
    fetch(project, "a", ", headers={'Authorization': os.environ['API_TOKEN']}")
    ok(run(project, server, A, API_TOKEN="the-first-token"))
    assert set(ok(run(project, server, A, API_TOKEN="the-second-token")).statuses.values()) == {"fresh"}
    ok(run(project, server, A, "--rebuild", API_TOKEN="the-second-token"))
    assert server.asked == ["/a"]
    ok(run(project, server, A, "--rebuild", API_TOKEN="the-first-token"))
    assert server.asked == []
