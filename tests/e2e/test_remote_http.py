"""HTTP responses and a remote: of outputs of one derivation, the one that rests on newer responses wins."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from api_server import Api
from harness import Demo, Done, new_demo

A = "//api:a"
MODEL = """
import os
from fftcas import model
from fftcas.http import get_df

@model(name="a")
def fetched():
    return get_df(os.environ["API_URL"] + "/a"{more})
"""
OLD, NEW = [{"name": "old"}], [{"name": "new"}]


@pytest.fixture
def server() -> Iterator[Api]:
    server = Api({"/a": OLD})
    yield server
    server.stop()


def machine(tmp_path: Path, name: str, more: str = "") -> Demo:
    """A machine with a project of one model that fetches."""
    (tmp_path / name).mkdir()
    demo = new_demo(tmp_path / name)
    for folder in ("models", "seeds"):
        shutil.rmtree(demo.project / folder)
    (demo.project / "budgets.yml").unlink()
    demo.write("models/api/a.ff.py", MODEL.format(more=more))
    return demo


def build(demo: Demo, server: Api, *arguments: str, **environment: str) -> Done:
    server.asked.clear()
    environment = {"API_URL": server.url, "FF_HTTP_BACKOFF": "0", **environment}
    done = demo.fftcas("build", "-e", "dev_duckdb", *arguments, **environment)
    assert done.exit_code == 0, done.stdout + done.stderr
    return done


def names(demo: Demo) -> list[object]:
    return [name for (name,) in demo.sql("select name from cache_demo.a")]


def test_a_refreshed_output_replaces_the_older_one(tmp_path: Path, place: Path, server: Api) -> None:
    one, two, three = (machine(tmp_path, name) for name in ("one", "two", "three"))
    remote = f"--remote={place}"
    build(one, server, remote)
    build(two, server)  # has the old response, and never heard of the remote
    server.pages["/a"] = NEW
    assert build(one, server, remote, "--refresh-http").built == {A}
    # What rests on an older response does not take the place of it.
    assert build(two, server, remote, "--rebuild").built == {A}
    assert names(two) == ["old"]
    server.stop()
    done = build(three, server, remote)
    assert done.statuses == {A: "restored"}
    assert names(three) == ["new"]
    assert build(three, server, remote, "--rebuild", "--offline").built == {A}
    assert names(three) == ["new"], "the newer response came with it"


def test_a_machine_that_found_an_expired_output_publishes_the_new_one(tmp_path: Path, place: Path, server: Api) -> None:
    one, two, three = (machine(tmp_path, name, ", ttl=1") for name in ("one", "two", "three"))
    remote = f"--remote={place}"
    build(one, server, remote)
    server.pages["/a"] = NEW
    time.sleep(1.1)
    assert build(two, server, remote).built == {A}
    server.stop()
    done = build(three, server, remote, "--offline")
    assert (done.statuses, names(three)) == ({A: "restored"}, ["new"])


def test_an_expired_response_is_looked_for_in_the_remote_before_the_server_is_asked(
    tmp_path: Path, place: Path, server: Api
) -> None:
    one, two = (machine(tmp_path, name, ", ttl=3600") for name in ("one", "two"))
    remote = f"--remote={place}"
    build(one, server, remote)
    build(two, server, remote)
    assert names(two) == ["old"]
    server.pages["/a"] = NEW
    assert build(one, server, remote, "--refresh-http").built == {A}
    done = build(two, server, remote)
    assert (done.statuses, names(two)) == ({A: "fresh"}, ["old"]), "its own response is still good"
    age(two)
    done = build(two, server, remote)
    assert (done.statuses, done.result(A)["source"], names(two)) == ({A: "restored"}, "remote", ["new"]), done.stdout
    assert server.asked == []
    done = build(two, server, remote)
    assert (done.statuses, server.asked) == ({A: "fresh"}, [])


def age(demo: Demo) -> None:
    """Let two hours go by since the responses in a machine's store came."""
    from dataclasses import replace

    from fftcas.http.cache import ENTRY, ResponseCache
    from fftcas.store import Store

    with Store.open(demo.home / "store") as store:
        cache = ResponseCache(store)
        requests = store.records.read(lambda txn: [key.hex() for key, _ in txn.scan(f"cache:{ENTRY}")])
        for request, entry in cache.entries(requests).items():
            cache.write(request, replace(entry, checked_at=entry.checked_at - 7200, fetched_at=entry.fetched_at - 7200))
