"""Fetching: the cache and its modes, freshness, offline, and what is recorded."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import replace
from pathlib import Path

import pytest
from http_bench import Asked, Bench, Server, bench_fixture, reply, server_fixture  # noqa: F401

from fftcas.errors import NodeError, UsageError
from fftcas.http import HttpError, get, get_json, post, post_json
from fftcas.http.context import HttpContext, HttpUsage, _process_store, fetching
from fftcas.http.freshness import rested, rests_on_current
from fftcas.http.settings import HttpCacheMode


def fetched(context: HttpContext, url: str, **wishes: object) -> tuple[bytes, HttpUsage]:
    with fetching(context) as usage:
        return get(url, **wishes), usage  # type: ignore[arg-type]


def test_the_second_call_is_served_from_the_store(bench: Bench, server: Server) -> None:
    url = server.on("/users", reply(b"[1]"))
    body, first = fetched(bench.context, url)
    assert (body, first.to_json()) == (
        b"[1]",
        {"requests": 1, "cache_hits": 0, "bytes": 3, "used_offline": False},
    )
    body, second = fetched(bench.later(), url)
    assert (body, second.cache_hits, len(server.asked)) == (b"[1]", 1, 1)
    assert second.responses == first.responses


def test_parameters_in_the_url_and_given_ones_are_one_request(bench: Bench, server: Server) -> None:
    url = server.on("/users", reply(b"[1]"))
    with fetching(bench.context) as usage:
        get(f"{url}?b=2&a=1")
        get(url, params={"a": 1, "b": 2, "none": None})
        get(url, params=[("b", "2"), ("a", "1")])
    assert (len(usage.responses), len(server.asked)) == (1, 1)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ({"params": {"a": 1}}, {"params": {"a": 2}}),
        ({"headers": {"Accept": "text/csv"}}, {"headers": {"Accept": "application/json"}}),
        ({"headers": {"Authorization": "Bearer one-token"}}, {"headers": {"Authorization": "Bearer two-token"}}),
        ({"headers": {"X-Tenant": "a"}}, {"headers": {"X-Tenant": "b"}}),
        ({"params": {"api_key": "one-key"}}, {"params": {"api_key": "two-key"}}),
    ],
)
def test_different_requests_have_different_answers(
    bench: Bench, server: Server, one: dict[str, object], two: dict[str, object]
) -> None:
    url = server.on("/x", reply(b'"first"'), reply(b'"second"'))
    bodies = [fetched(bench.later(), url, **wishes)[0] for wishes in (one, two, one, two)]
    assert bodies == [b'"first"', b'"second"', b'"first"', b'"second"']
    assert len(server.asked) == 2


def test_bytes_that_are_no_utf_8_have_their_own_answers(bench: Bench, server: Server) -> None:
    url = server.on("/x", lambda asked, _: reply(asked.path.encode()))
    with fetching(bench.context):
        for query in ("?name=M%FCller", "?name=M%F6ller", "?name", "?name="):
            assert get(url + query) == f"/x{query}".encode()
        assert get(url + "?name=M%FCller", params={"x": "é".encode("latin-1")}) == b"/x?name=M%FCller&x=%E9"
        assert get(url, params={"token": "gehei\xdf"}, headers={"X-User": "M\xfcller"}) == b"/x?token=gehei%C3%9F"
        assert get(url, params={"token": b"gehei\xdf"}) == b"/x?token=gehei%DF"


def test_a_post_is_known_by_its_body(bench: Bench, server: Server) -> None:
    url = server.on("/query", lambda asked, _: reply(asked.body))
    with fetching(bench.context) as usage:
        assert post_json(url, json={"q": 1}) == {"q": 1}
        assert post_json(url, json={"q": 2}) == {"q": 2}
        assert post_json(url, json={"q": 1}) == {"q": 1}
        assert post(url, data={"q": "a b"}) == b"q=a+b"
    assert (usage.requests, usage.cache_hits) == (4, 1)
    assert [asked.method for asked in server.asked] == ["POST"] * 3
    assert server.asked[0].headers["content-type"] == "application/json"


def test_a_response_expires_after_its_ttl_and_is_confirmed_by_304(bench: Bench, server: Server) -> None:
    url = server.on("/etag", reply(b"[1]", ETag='"v1"'), reply(b"", 304, ETag='"v1"'))
    fetched(bench.context, url, ttl=0.05)
    time.sleep(0.06)
    body, usage = fetched(bench.later(), url, ttl=0.05)
    assert (body, usage.cache_hits) == (b"[1]", 1)
    assert server.asked[1].headers["if-none-match"] == '"v1"'
    assert "if-none-match" not in server.asked[0].headers


def test_ttl_0_never_expires_and_max_age_0_always_asks(bench: Bench, server: Server) -> None:
    url = server.on("/n", reply(b"1"), reply(b"2"), reply(b"3"))
    context = bench.but(ttl=0.001)
    assert fetched(context, url)[0] == b"1"
    time.sleep(0.01)
    later = replace(context, started=time.time())
    assert fetched(later, url, ttl=0)[0] == b"1"
    assert fetched(later, url, max_age=0)[0] == b"2"
    assert fetched(later, url, max_age=0)[0] == b"3"


def test_a_run_sees_one_answer_to_one_request(bench: Bench, server: Server) -> None:
    url = server.on("/n", reply(b"1"), reply(b"2"))
    context = bench.later(refresh=True)
    assert [fetched(context, url)[0] for _ in range(3)] == [b"1"] * 3


def test_modes(bench: Bench, server: Server) -> None:
    url = server.on("/n", *(reply(str(n).encode()) for n in range(1, 9)))
    read_only, off = bench.but(mode=HttpCacheMode.RO), bench.but(mode=HttpCacheMode.OFF)
    assert [fetched(read_only, url)[0], fetched(read_only, url)[0]] == [b"1", b"2"]
    assert bench.store.everything() == b""
    assert fetched(bench.context, url)[0] == b"3"
    before = bench.store.everything()
    assert [fetched(off, url)[0], fetched(read_only, url)[0]] == [b"4", b"3"]
    assert bench.store.everything() == before


def test_offline_serves_what_is_there_even_if_it_expired(bench: Bench, server: Server) -> None:
    url = server.on("/users", reply(b"[1]"))
    fetched(bench.context, url)
    time.sleep(0.01)
    body, usage = fetched(bench.but(offline=True, ttl=0.001), url)
    assert (body, usage.used_offline, len(server.asked)) == (b"[1]", True, 1)


def test_offline_names_what_is_missing_and_how_to_get_it(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("a connection was opened"))
    with pytest.raises(HttpError) as caught, fetching(bench.but(offline=True)):
        get("http://127.0.0.1:9/users?token=canary-7")
    text = str(caught.value)
    assert "http://127.0.0.1:9/users?token=***" in text
    assert "//http:users" in text
    assert "fftcas build //http:users" in text
    assert "test_http_fetch.py:" in text
    assert "canary" not in text


def test_a_failing_server_may_be_stood_in_for(bench: Bench, server: Server) -> None:
    url = server.on("/n", reply(b"1"), reply(b"down", 503))
    fetched(bench.context, url)
    assert fetched(bench.later(refresh=True), url, stale_if_error=True)[0] == b"1"
    assert any("503" in line for line in bench.said)
    with pytest.raises(HttpError, match="503"):
        fetched(bench.later(refresh=True), url)
    with pytest.raises(HttpError, match="503"):
        fetched(bench.later(refresh=True), url, stale_if_error=0)
    server.on("/n", reply(b"gone", 404))
    with pytest.raises(HttpError, match="404"):
        fetched(bench.later(refresh=True), url, stale_if_error=True)


def test_a_damaged_response_is_a_miss_and_heals(bench: Bench, server: Server) -> None:
    url = server.on("/n", reply(b"1", ETag='"v"'))
    fetched(bench.context, url)
    for digest in bench.store.blobs:
        bench.store.blobs[digest] = b"rubbish"
    body, usage = fetched(bench.later(), url)
    assert (body, usage.cache_hits) == (b"1", 0)
    assert "if-none-match" not in server.asked[1].headers
    assert fetched(bench.later(), url)[1].cache_hits == 1


def test_a_response_record_that_leads_elsewhere_is_a_miss(bench: Bench, server: Server) -> None:
    one, two = server.on("/one", reply(b"1")), server.on("/two", reply(b"2"))
    fetched(bench.context, one)
    fetched(bench.context, two)
    located = {key: value for key, value in bench.store.records.items() if key[0] == "http-response"}
    for key, value in zip(located, reversed(located.values()), strict=True):
        bench.store.records[key] = value
    assert [fetched(bench.later(), url)[0] for url in (one, two)] == [b"1", b"2"]
    assert len(server.asked) == 4


def test_threads_of_one_model_share_its_context(bench: Bench, server: Server) -> None:
    url = server.on("/users", reply(b"[1]"))
    with fetching(bench.context) as usage:
        threads = [threading.Thread(target=get, args=(url,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert (usage.requests, usage.cache_hits, len(server.asked)) == (8, 7, 1)


def test_a_thread_of_one_of_several_models_is_an_error(bench: Bench, server: Server) -> None:
    errors: list[str] = []

    def work() -> None:
        try:
            get(server.url("/users"))
        except NodeError as error:
            errors.append(str(error))

    with fetching(bench.context) as one, fetching(bench.context) as two:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert "copy_context" in errors[0]
    assert (one.failures, two.failures) == (1, 1)


def test_a_thread_may_be_told_whose_it_is(bench: Bench, server: Server) -> None:
    url = server.on("/users", reply(b"[1]"))
    with fetching(bench.context) as one, ThreadPoolExecutor(2) as pool, fetching(bench.context) as two:
        done = [pool.submit(copy_context().run, get, url) for _ in range(4)]
        assert [each.result() for each in done] == [b"[1]"] * 4
    assert (one.requests, two.requests) == (0, 4)


def test_an_output_rests_on_current_responses(bench: Bench, server: Server) -> None:
    same, changing = server.on("/same", reply(b"1")), server.on("/changing", reply(b"1"), reply(b"2"))
    usages = [fetched(bench.context, url)[1] for url in (same, changing)]
    assert all(rests_on_current(bench.later(), usage.responses) for usage in usages)
    assert len(server.asked) == 2
    refresh = bench.later(refresh=True)
    assert [rests_on_current(refresh, usage.responses) for usage in usages] == [True, False]
    assert len(server.asked) == 4
    assert [rests_on_current(refresh, usage.responses) for usage in usages] == [True, False]
    assert len(server.asked) == 4  # once in a run
    assert [rests_on_current(bench.later(), usage.responses) for usage in usages] == [True, False]


def test_a_model_that_says_max_age_rests_on_nothing_older(bench: Bench, server: Server) -> None:
    url = server.on("/n", reply(b"1"), reply(b"1"), reply(b"2"))
    _, usage = fetched(bench.context, url, max_age=0.05)
    assert rests_on_current(bench.later(), usage.responses, usage.max_age)
    time.sleep(0.06)
    assert rests_on_current(bench.later(), usage.responses, usage.max_age)
    assert len(server.asked) == 2
    time.sleep(0.06)
    assert rests_on_current(bench.later(), usage.responses)
    assert rests_on_current(bench.but(offline=True), usage.responses, usage.max_age)
    assert not rests_on_current(bench.later(), usage.responses, usage.max_age)


def test_only_the_model_repeats_requests_with_credentials_and_posts(bench: Bench, server: Server) -> None:
    url = server.on("/n", reply(b"1"))
    with fetching(bench.context) as secret:
        get(url, headers={"Authorization": "Bearer canary"})
    with fetching(bench.context) as posted:
        post(url, json={"q": 1})
    for usage in (secret, posted):
        assert rests_on_current(bench.later(), usage.responses)
        assert not rests_on_current(bench.later(refresh=True), usage.responses)
    assert len(server.asked) == 2


def test_a_restored_output_tells_of_its_responses(bench: Bench, server: Server) -> None:
    url = server.on("/n", reply(b"[1, 2]"))
    _, usage = fetched(bench.context, url)
    assert rested(bench.later(), usage.responses).to_json() == {
        "requests": 1,
        "cache_hits": 1,
        "bytes": 6,
        "used_offline": False,
    }
    assert rested(bench.but(offline=True), usage.responses).used_offline


def test_the_digest_of_a_response_is_its_content(bench: Bench, server: Server) -> None:
    one = server.on("/one", reply(b"1", ETag='"a"'))
    two = server.on("/two", reply(b"1", ETag='"b"', Set_Cookie="session=canary"))
    digests = [next(iter(fetched(bench.context, url)[1].responses.values())) for url in (one, two)]
    assert digests[0] == digests[1]
    assert len(bench.store.blobs) == 1


def test_a_weak_date_is_no_validator(bench: Bench, server: Server) -> None:
    now, before = "Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:40:00 GMT"
    for path, modified in (("/now", now), ("/before", before)):
        url = server.on(path, reply(b"1", Date=now, Last_Modified=modified))
        fetched(bench.context, url)
        fetched(bench.later(refresh=True), url)
    sent = [asked.headers.get("if-modified-since") for asked in server.asked]
    assert sent == [None, None, None, before]


def test_outside_of_a_build(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FFTCAS_STORE", str(tmp_path / "store"))
    _process_store.cache_clear()
    url = server.on("/n", reply(b"1"), reply(b"2"))
    assert [get(url), get(url)] == [b"1", b"1"]
    monkeypatch.setenv("FF_HTTP_TTL", "0.001")
    time.sleep(0.01)
    assert get(url) == b"2"
    monkeypatch.setenv("FF_HTTP_TTL", "x")
    with pytest.raises(UsageError, match="FF_HTTP_TTL"):
        get(url)
    _process_store.cache_clear()


def test_json_errors_name_the_call(bench: Bench, server: Server) -> None:
    url = server.on("/bad", reply(b'{"a": ', ETag='"x"'))
    with pytest.raises(HttpError) as caught, fetching(bench.context):
        get_json(url)
    assert caught.value.status == 200
    assert str(caught.value.where).startswith("test_http_fetch.py:")
    assert "Expecting value at line 1, column 7" in str(caught.value)


def test_ten_thousand_responses_are_checked_in_half_a_second(bench: Bench, server: Server) -> None:
    url = server.on("/n", reply(b"1"))
    _, usage = fetched(bench.context, url)
    ((request, response),) = usage.responses.items()
    entry = bench.store.records[("http", bytes.fromhex(request))]
    many = {f"{n:064x}": response for n in range(10_000)}
    bench.store.records |= {("http", bytes.fromhex(name)): entry for name in many}
    started = time.process_time()
    assert rests_on_current(bench.later(), many)
    assert rested(bench.later(), many).requests == 10_000
    assert time.process_time() - started < 0.5


def test_records_are_readable(bench: Bench, server: Server) -> None:
    fetched(bench.context, server.on("/n", reply(b"1")), params={"page": 2})
    entries = [json.loads(value) for (kind, _), value in bench.store.records.items() if kind == "http"]
    assert [(entry["method"], entry["url"], entry["size"]) for entry in entries] == [
        ("GET", server.url("/n?page=2"), 1)
    ]


def test_asked_is_what_was_sent(bench: Bench, server: Server) -> None:
    fetched(bench.context, server.on("/n", reply(b"1")), params={"q": "a b&c", "yes": True}, headers={"X-Y": 5})
    (asked,) = server.asked
    assert isinstance(asked, Asked)
    assert (asked.path, asked.headers["x-y"], asked.headers["accept-encoding"]) == (
        "/n?q=a%20b%26c&yes=true",
        "5",
        "gzip",
    )
