"""Calls that fail in a model that goes on: each counts, as what is made then must not be kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from http_bench import Bench, MemoryStore, Server, bench_fixture, reply, server_fixture  # noqa: F401

from fftcas.errors import StoreError
from fftcas.http import HttpError, get, get_df, get_json, post
from fftcas.http.context import fetching


def onward(url: str, params: Any, payload: Any) -> dict[str, Any]:
    return {"next_request": {"params": {"page": (params or {}).get("page", 1) + 1}}}


FAILURES: dict[str, Callable[[str], object]] = {
    "a status": lambda url: get(f"{url}/nothing"),
    "a server that is not there": lambda url: get("http://127.0.0.1:9/"),
    "an address that is refused": lambda url: get("http://169.254.169.254/"),
    "a body that is not JSON": lambda url: get_json(f"{url}/html"),
    "rows that are not there": lambda url: get_df(f"{url}/list", record_path="rows"),
    "no end": lambda url: get_df(f"{url}/list", paginator=onward),
    "the same page": lambda url: get_json(f"{url}/list", paginator=lambda *_: {"next_request": {"url": url + "/list"}}),
    "a paginator's rubbish": lambda url: get(f"{url}/list", paginator=lambda *_: {"next_request": 1}),
    "a paginator's own error": lambda url: get(f"{url}/list", paginator=lambda *_: {}["next"]),
    "params": lambda url: get(url, params={"half": "\ud800"}),
    "a timeout": lambda url: get(url, timeout=0),
    "two bodies": lambda url: post(url, data=b"a", json=1),
    "a body that cannot be sent": lambda url: post(url, json={1, 2}),
    "a kind of frame": lambda url: get_df(f"{url}/list", output="klingon"),
}


@pytest.mark.parametrize("call", FAILURES.values(), ids=FAILURES)
def test_every_call_that_fails_is_counted(bench: Bench, server: Server, call: Callable[[str], object]) -> None:
    server.on("/html", reply(b"<html>maintenance</html>"))
    server.on("/list", reply(b'[{"id": 1}]'))
    with fetching(bench.but(max_pages=2)) as usage, pytest.raises((HttpError, KeyError)):
        call(server.url("").rstrip("/"))
    assert usage.failures == 1


def test_a_store_that_cannot_be_read_is_counted(bench: Bench, server: Server) -> None:
    class Broken(MemoryStore):
        def get_records(self, kind: str, keys: Sequence[bytes]) -> list[bytes | None]:
            raise StoreError("the store is gone")

    with fetching(replace(bench.context, store=Broken())) as usage, pytest.raises(StoreError):
        get(server.url("/list"), headers={"Authorization": "Bearer a-credential"})
    assert usage.failures == 1


def test_calls_that_succeed_are_not_counted(bench: Bench, server: Server) -> None:
    url = server.on("/list", reply(b'[{"id": 1}]'))
    with fetching(bench.context) as usage:
        get_df(url)
    assert (usage.failures, usage.requests) == (0, 1)
