"""Calls that fail in a model that goes on: each counts, as what is made then must not be kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from http_bench import Bench, MemoryStore, Server, bench_fixture, reply, server_fixture  # noqa: F401

from fftcas.errors import StoreError
from fftcas.http import HttpError, get, get_df, get_json, post
from fftcas.http.call import Call
from fftcas.http.context import fetching
from fftcas.http.paging import Page
from fftcas.http.response import Response


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
    "a paginator's own error": lambda url: get(f"{url}/list", paginator=lambda *_: dict[str, Any]()["next"]),
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


def test_a_page_that_cannot_be_read_is_asked_for_again_and_no_other(bench: Bench, server: Server) -> None:
    first, second = server.on("/1", reply(b"[1]")), server.on("/2", reply(b"down"), reply(b"[2]"))

    def paginator(url: str, params: Any, payload: Any) -> dict[str, Any] | None:
        return {"next_request": {"url": second}} if payload == [1] else None

    with fetching(bench.context):
        with pytest.raises(HttpError, match="the next call asks the server again"):
            get_json(first, paginator=paginator)
        assert get_json(first, paginator=paginator) == [[1], [2]]
    assert [asked.path for asked in server.asked] == ["/1", "/2", "/2"]


def test_a_newer_response_is_not_forgotten(bench: Bench, server: Server) -> None:
    url = server.on("/n", reply(b"down"), reply(b"[1]"))

    def reader(response: Response) -> None:
        get(url, max_age=0)
        raise ValueError("this one is no use")

    with fetching(bench.context):
        call = Call.of(None, None, None, None)
        with pytest.raises(HttpError):
            call.read(*call.send("GET", Page(url, None, None)), reader)
    with fetching(bench.later()) as usage:
        assert get_json(url) == [1]
    assert usage.cache_hits == 1


def test_calls_that_succeed_are_not_counted(bench: Bench, server: Server) -> None:
    url = server.on("/list", reply(b'[{"id": 1}]'))
    with fetching(bench.context) as usage:
        get_df(url)
    assert (usage.failures, usage.requests) == (0, 1)
