"""Responses that travel with outputs, and what a collection leaves alone."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from http_bench import Server, reply, server_fixture  # noqa: F401

from fftcas.http import get, post
from fftcas.http.cache import Entry, ResponseCache
from fftcas.http.context import HttpContext, HttpUsage, fetching
from fftcas.http.settings import HttpSettings
from fftcas.http.sharing import SharedResponses, blobs_to_keep
from fftcas.store.gc import _trim_caches
from fftcas.store.store import Store

SETTINGS = HttpSettings(attempts=1)
OFFLINE = HttpSettings(offline=True)


@pytest.fixture(name="stores")
def stores_fixture(tmp_path: Path) -> Iterator[tuple[Store, Store]]:
    with ExitStack() as stack:
        yield tuple(stack.enter_context(Store.open(tmp_path / name)) for name in ("mine", "yours"))  # type: ignore[misc]


def travel(mine: Store, yours: Store, http: dict[str, str]) -> int:
    """Send responses from one store to another; gives how many went."""
    sent = [(note, mine.get_blob(blob)) for blob, note in SharedResponses().collect(mine, http)]
    for note, data in sent:
        assert data is not None
        SharedResponses().accept(yours, http, note, data)
    return len(sent)


def fetched(store: Store, *urls: str, **wishes: object) -> HttpUsage:
    with fetching(HttpContext(store, SETTINGS)) as usage:
        for url in urls:
            get(url, **wishes)  # type: ignore[arg-type]
    return usage


def test_a_response_serves_on_another_machine(stores: tuple[Store, Store], server: Server) -> None:
    mine, yours = stores
    url = server.on("/users", reply(b"[1]", ETag='"v"'), reply(b"", 304))
    usage = fetched(mine, url, params={"page": 1}, headers={"Accept": "application/json"})
    assert travel(mine, yours, usage.responses) == 1
    with fetching(HttpContext(yours, OFFLINE)) as there:
        assert get(url, params={"page": 1}, headers={"Accept": "application/json"}) == b"[1]"
    assert there.responses == usage.responses
    with fetching(HttpContext(yours, SETTINGS, refresh=True, started=time.time())):
        assert get(url, params={"page": 1}, headers={"Accept": "application/json"}) == b"[1]"
    assert server.asked[1].headers["if-none-match"] == '"v"'


def test_responses_to_credentials_do_not_travel(stores: tuple[Store, Store], server: Server) -> None:
    url = server.on("/users", reply(b"[1]"))
    usage = fetched(stores[0], url, headers={"Authorization": "Bearer canary"})
    assert travel(*stores, usage.responses) == 0


def test_posts_travel(stores: tuple[Store, Store], server: Server) -> None:
    url = server.on("/query", reply(b"[1]"))
    with fetching(HttpContext(stores[0], SETTINGS)) as usage:
        post(url, json={"q": 1})
    assert travel(*stores, usage.responses) == 1
    with fetching(HttpContext(stores[1], OFFLINE)):
        assert post(url, json={"q": 1}) == b"[1]"


def test_the_own_current_response_stays_the_current_one(stores: tuple[Store, Store], server: Server) -> None:
    mine, yours = stores
    url = server.on("/users", reply(b"[1]"), reply(b"[2]"))
    fetched(yours, url)
    usage = fetched(mine, url)
    assert travel(mine, yours, usage.responses) == 1
    with fetching(HttpContext(yours, OFFLINE)):
        assert get(url) == b"[1]"
    assert ResponseCache(yours).load(next(iter(usage.responses.values()))) is not None


@pytest.mark.parametrize(
    "lie",
    [
        {"url": "http://127.0.0.1:1/evil"},
        {"public": "ab" * 32},
        {"private": True},
        {"url": 5},
        {"headers": []},
        {"headers": {"a\n": "b"}},
        {"etag": "a\r\nX: y"},
        {"etag": 5},
        {"more": 1},
    ],
)
def test_notes_that_lie_are_refused(stores: tuple[Store, Store], server: Server, lie: dict[str, object]) -> None:
    mine, yours = stores
    usage = fetched(mine, server.on("/users", reply(b"[1]")))
    ((blob, note),) = SharedResponses().collect(mine, usage.responses)
    data = mine.get_blob(blob)
    assert data is not None
    with pytest.raises(ValueError):  # noqa: PT011
        SharedResponses().accept(yours, usage.responses, json.dumps({**json.loads(note), **lie}), data)
    assert ResponseCache(yours).entries(usage.responses) == {}


def test_another_body_is_refused(stores: tuple[Store, Store], server: Server) -> None:
    mine, yours = stores
    usage = fetched(mine, server.on("/one", reply(b"[1]")))
    other = fetched(mine, server.on("/two", reply(b"[2]")))
    ((_, note),) = SharedResponses().collect(mine, usage.responses)
    ((blob, _),) = SharedResponses().collect(mine, other.responses)
    data = mine.get_blob(blob)
    assert data is not None
    for bytes_ in (data, b"", data[:-20], b"rubbish"):
        with pytest.raises(ValueError):  # noqa: PT011
            SharedResponses().accept(yours, usage.responses, note, bytes_)


def test_times_from_elsewhere_are_past(stores: tuple[Store, Store], server: Server) -> None:
    mine, yours = stores
    usage = fetched(mine, server.on("/one", reply(b"[1]")))
    ((blob, note),) = SharedResponses().collect(mine, usage.responses)
    lie = {**json.loads(note), "checked_at": 1e18, "fetched_at": "x", "size": 10**9}
    SharedResponses().accept(yours, usage.responses, json.dumps(lie), mine.get_blob(blob) or b"")
    (entry,) = ResponseCache(yours).entries(usage.responses).values()
    assert isinstance(entry, Entry)
    assert (entry.checked_at <= time.time(), entry.fetched_at, entry.size) == (True, 0.0, 3)


def test_current_responses_are_kept(stores: tuple[Store, Store], server: Server) -> None:
    store = stores[0]
    url = server.on("/n", reply(b"1"), reply(b"2"))
    fetched(store, url)
    old = blobs_to_keep(store)
    with fetching(HttpContext(store, SETTINGS, refresh=True, started=time.time())):
        get(url)
    assert len(old) == len(blobs_to_keep(store)) == 1
    assert old != blobs_to_keep(store)


def test_records_that_lead_to_responses_are_no_cache_to_be_trimmed(stores: tuple[Store, Store], server: Server) -> None:
    store = stores[0]
    url = server.on("/users", reply(b"[1]"))
    fetched(store, url, headers={"Authorization": "someone"})
    store.put_records("other", {b"key": b"value"})
    _trim_caches(store.records, 0)
    assert store.get_records("other", [b"key"]) == [None]
    with fetching(HttpContext(store, OFFLINE)):
        assert get(url, headers={"Authorization": "someone"}) == b"[1]"
