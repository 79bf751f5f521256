"""Responses that travel with outputs, and what a collection leaves alone."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa
import pytest
from http_bench import Server, reply, server_fixture  # noqa: F401

from fftcas.http import get, post
from fftcas.http.cache import Entry, ResponseCache
from fftcas.http.context import HttpContext, HttpUsage, fetching
from fftcas.http.response import Response
from fftcas.http.settings import HttpSettings
from fftcas.http.sharing import SharedResponses, adopt, blobs_to_keep
from fftcas.store import Realisation
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
        {"public": ["x"]},
        {"public": "x"},
        {"private": []},
        "[" * 100_000,
        "[]",
    ],
)
def test_notes_that_lie_are_refused(stores: tuple[Store, Store], server: Server, lie: dict[str, object] | str) -> None:
    mine, yours = stores
    usage = fetched(mine, server.on("/users", reply(b"[1]")))
    ((blob, note),) = SharedResponses().collect(mine, usage.responses)
    data = mine.get_blob(blob)
    assert data is not None
    lied = lie if isinstance(lie, str) else json.dumps({**json.loads(note), **lie})
    with pytest.raises(ValueError):  # noqa: PT011
        SharedResponses().accept(yours, usage.responses, lied, data)
    assert ResponseCache(yours).entries(usage.responses) == {}
    adopt(HttpContext(mine, OFFLINE), resting_on(usage.responses), [lied])


def resting_on(http: Mapping[str, str], built_at: str = "2026-01-31T12:00:00+00:00") -> Realisation:
    return Realisation("d" * 64, "e" * 64, "f" * 64, "//marts:x", "sql", 1, 1, 1.0, built_at, "run", "ci", http=http)


@pytest.mark.parametrize("note", ["[" * 100_000, '{"public":["x"]}', "{}", "\ud800"])
@pytest.mark.parametrize("built_at", ["", "0001-01-01T00:00:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59"])
def test_of_what_is_no_note_nothing_is_known(note: str, built_at: str) -> None:
    assert 0.0 <= SharedResponses().known_at(resting_on({"a" * 64: "b" * 64}, built_at), [note]) <= time.time()


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
    lie: dict[str, object] = {**json.loads(note), "checked_at": 10**400}
    assert SharedResponses().known_at(resting_on(usage.responses), [json.dumps(lie)]) == 0.0
    lie |= {"checked_at": 1e18, "fetched_at": "x", "size": 10**9}
    SharedResponses().accept(yours, usage.responses, json.dumps(lie), mine.get_blob(blob) or b"")
    (entry,) = ResponseCache(yours).entries(usage.responses).values()
    assert isinstance(entry, Entry)
    assert (entry.checked_at <= time.time(), entry.fetched_at, entry.size) == (True, 0.0, 3)


GOOD = {
    "status": pa.array([200], pa.int32()),
    "headers": pa.array([[("content-type", "text/plain")]], pa.map_(pa.utf8(), pa.utf8())),
    "body": pa.array([b"x"], pa.large_binary()),
    "fetched_at": pa.array([1], pa.timestamp("us", "UTC")),
}


def written(columns: Mapping[str, pa.Array]) -> bytes:
    """Columns as a response lies in the store."""
    batch = pa.record_batch(list(columns.values()), names=list(columns))
    batch = batch.replace_schema_metadata({b"fftcas": b"response 1"})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue().to_pybytes())


@pytest.mark.parametrize(
    "wrong",
    [
        {"fetched_at": pa.array([1])},
        {"fetched_at": pa.nulls(1)},
        {"fetched_at": pa.array(["x"])},
        {"body": pa.array([1])},
        {"body": pa.array(["x"])},
        {"body": pa.nulls(1)},
        {"headers": pa.array([[("content-type", 5)]], pa.map_(pa.utf8(), pa.int64()))},
        {"headers": pa.array([[(b"content-type", b"x")]], pa.map_(pa.binary(), pa.binary()))},
        {"headers": pa.array([5])},
        {"status": pa.array(["200"])},
        {"status": pa.array([True])},
        {"status": pa.nulls(1)},
    ],
)
def test_columns_of_other_types_are_no_response(wrong: Mapping[str, pa.Array]) -> None:
    assert Response.from_arrow(written(GOOD)).body == b"x"
    with pytest.raises(ValueError, match="not a stored response"):
        Response.from_arrow(written({**GOOD, **wrong}))


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
