"""The lock file: exactly these responses, or an error."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from http_bench import Bench, Server, bench_fixture, reply, server_fixture  # noqa: F401

from fftcas.errors import LockError
from fftcas.http import HttpError, get, get_json
from fftcas.http.context import HttpUsage, fetching
from fftcas.http.freshness import rests_on_current
from fftcas.http.lockfile import NAME, Lock, as_lock, lock_of, read_lock, write_lock


def locked(bench: Bench, *urls: str, **wishes: object) -> tuple[Lock, HttpUsage]:
    with fetching(bench.context) as usage:
        for url in urls:
            get(url, **wishes)  # type: ignore[arg-type]
    return lock_of(bench.context.cache, usage.responses), usage


def test_the_file_has_a_line_for_every_request(bench: Bench, server: Server, tmp_path: Path) -> None:
    urls = [server.on(path, reply(path.encode())) for path in ("/b", "/a")]
    lock, _ = locked(bench, *urls, f"{urls[1]}?api_key=canary")
    write_lock(tmp_path, lock)
    text = (tmp_path / NAME).read_text()
    assert read_lock(tmp_path) == lock
    assert [json.loads(line.strip().rstrip(","))["url"] for line in text.splitlines()[3:-2]] == [
        urls[1],
        f"{urls[1]}?api_key=***",
        urls[0],
    ]
    assert "canary" not in text
    write_lock(tmp_path, dict(reversed(list(lock.items()))))
    assert (tmp_path / NAME).read_text() == text
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_no_file_and_no_lines(tmp_path: Path) -> None:
    assert read_lock(tmp_path) is None
    write_lock(tmp_path, {})
    assert read_lock(tmp_path) == {}


def test_the_locked_response_is_given_out_not_the_current_one(bench: Bench, server: Server) -> None:
    url = server.on("/n", reply(b"1"), reply(b"2"))
    lock, old = locked(bench, url)
    with fetching(bench.later(refresh=True)) as new:
        assert get(url) == b"2"
    context = bench.later(lock=lock)
    with fetching(context) as usage:
        assert get(url) == b"1"
    assert usage.responses == old.responses
    assert rests_on_current(context, old.responses)
    assert not rests_on_current(context, new.responses)
    assert not rests_on_current(bench.later(), old.responses)
    assert len(server.asked) == 2


def test_a_locked_response_that_cannot_be_read_stays(bench: Bench, server: Server) -> None:
    url = server.on("/n", reply(b"no JSON"))
    lock, _ = locked(bench, url)
    with pytest.raises(HttpError, match="fftcas lock --update //http:users"), fetching(bench.later(lock=lock)):
        get_json(url)
    with fetching(bench.later()) as usage:
        assert get(url) == b"no JSON"
    assert usage.cache_hits == 1


def test_on_another_machine_the_locked_response_is_fetched_and_compared(bench: Bench, server: Server) -> None:
    url = server.on("/n", reply(b"1"), reply(b"1"), reply(b"2"))
    lock, _ = locked(bench, url, headers={"Authorization": "Bearer one-canary"})
    for _ in range(2):
        bench.store.records.clear()
        bench.store.blobs.clear()
        with fetching(bench.later(lock=lock)):
            if len(server.asked) == 1:
                assert get(url, headers={"Authorization": "Bearer another"}) == b"1"
                continue
            with pytest.raises(LockError) as caught:
                get(url, headers={"Authorization": "Bearer another"})
    assert caught.value.exit_code == 7
    assert "has another response than fftcas.lock says" in str(caught.value)
    assert "fftcas lock --update //http:users" in str(caught.value)
    assert bench.store.blobs == {}


def test_a_request_with_another_credential_is_sent_and_compared(bench: Bench, server: Server) -> None:
    url = server.on("/n", reply(b"1"), reply(b"1"), reply(b"2"))
    lock, _ = locked(bench, url, params={"api_key": "one-canary"}, headers={"X-Tenant": "a"})
    context = bench.later(lock=lock)
    with fetching(context) as usage:
        assert get(url, params={"api_key": "one-canary"}, headers={"X-Tenant": "a"}) == b"1"
    assert (usage.cache_hits, len(server.asked)) == (1, 1)
    with fetching(context):
        assert get(url, params={"api_key": "rotated"}, headers={"X-Tenant": "a"}) == b"1"
        with pytest.raises(LockError, match="has another response than"):
            get(url, params={"api_key": "rotated"}, headers={"X-Tenant": "b"})


def test_a_changed_request_is_an_error(bench: Bench, server: Server) -> None:
    url = server.on("/n", reply(b"1"))
    lock, _ = locked(bench, url)
    with fetching(bench.later(lock=lock)), pytest.raises(LockError) as caught:
        get(url, params={"page": 2})
    text = str(caught.value)
    assert "?page=2 is not in fftcas.lock" in text
    assert "1 other request(s) to this address" in text
    assert "test_http_lock.py:" in text


def test_locked_and_offline(bench: Bench, server: Server) -> None:
    url = server.on("/n", reply(b"1"))
    lock, _ = locked(bench, url)
    context = replace(bench.but(offline=True), lock=lock)
    with fetching(context) as usage:
        assert get(url) == b"1"
    assert usage.used_offline
    bench.store.blobs.clear()
    with fetching(context), pytest.raises(HttpError, match="not in the store"):
        get(url)


def test_requests_that_differ_in_credentials_only_cannot_be_locked(bench: Bench, server: Server) -> None:
    url = server.on("/n", reply(b"1"), reply(b"2"))
    with fetching(bench.context) as usage:
        for token in ("one-token", "two-token"):
            get(url, headers={"Authorization": f"Bearer {token}"})
    with pytest.raises(LockError, match="two responses"):
        lock_of(bench.context.cache, usage.responses)


def test_what_is_not_stored_cannot_be_locked(bench: Bench) -> None:
    with pytest.raises(LockError, match="is not in the store"):
        lock_of(bench.context.cache, {"ab" * 32: "cd" * 32})


LINE = {"url": "http://h/", "method": "GET", "request": "ab" * 32, "response": "cd" * 32, "bytes": 1, "fetched_at": "x"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"version": 2, "responses": []}',
        '{"version": 1}',
        '{"version": 1, "responses": [5]}',
        json.dumps({"version": 1, "responses": [{**LINE, "more": 1}]}),
        json.dumps({"version": 1, "responses": [{**LINE, "bytes": "1"}]}),
        json.dumps({"version": 1, "responses": [{**LINE, "request": "../x"}]}),
        json.dumps({"version": 1, "responses": [LINE, {**LINE, "response": "ef" * 32}]}),
        '{"version": 1, "responses": [\n<<<<<<< ours\n',
        "[" * 100_000,
    ],
)
def test_a_lock_file_that_cannot_be_understood(tmp_path: Path, text: str) -> None:
    (tmp_path / NAME).write_text(text)
    with pytest.raises(LockError, match=NAME):
        read_lock(tmp_path)


def test_a_lock_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"\xff\xfe{")
    with pytest.raises(LockError, match="cannot be read"):
        read_lock(tmp_path)
    assert as_lock([]) == {}
