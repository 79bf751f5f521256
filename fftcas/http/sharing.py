"""Responses beyond one store's own use: those that travel with outputs, and those that `gc` must leave alone."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from fftcas.digest import Digest
from fftcas.http.cache import Entry, ResponseCache
from fftcas.http.context import HttpContext
from fftcas.http.request import BadRequest, make_request
from fftcas.http.response import Response
from fftcas.store import Realisation, index
from fftcas.store.remote.believable import digest_of, parse, real
from fftcas.store.remote.fetch import Responses
from fftcas.store.store import Store


class SharedResponses(Responses):
    """Responses to requests without credentials travel with the outputs that rest on them; no others do."""

    def collect(self, store: Store, http: dict[Digest, Digest]) -> Iterator[tuple[Digest, str]]:
        """The blob of every response that anyone may have, with its entry as the note."""
        cache = ResponseCache(store)
        blobs = cache.blobs(set(http.values()))
        for request, entry in cache.entries(http).items():
            if not entry.private and entry.response == http[request] and entry.response in blobs:
                yield blobs[entry.response], entry.to_json().decode()

    def accept(self, store: Store, http: dict[Digest, Digest], note: str, data: bytes) -> None:
        """Keep a response, as the current one unless the store has another. Raises ValueError if it is not the claim's.

        Nothing in the note is believed that cannot be checked: where to ask again, above all.
        """
        response, cache = Response.from_arrow(data), ResponseCache(store)
        entry = _believed(note, http, response)
        cache.keep_response(response)
        if entry.public not in cache.entries([entry.public]):
            cache.write(entry.public, entry)

    def known_at(self, realisation: Realisation, notes: Iterable[str]) -> float:
        """The earliest check of its responses; those that came with credentials were good when it was built."""
        checked: dict[Digest, float] = {}
        for note in notes:
            with contextlib.suppress(ValueError):
                entry = _entry(note)
                checked[entry.public] = entry.checked_at
        if realisation.http.keys() <= checked.keys():
            return min(checked.values(), default=0.0)
        with contextlib.suppress(ValueError, OverflowError):
            built_at = datetime.fromisoformat(realisation.built_at).timestamp()
            return min(_past(built_at), *checked.values(), math.inf)
        return 0.0


def adopt(context: HttpContext, realisation: Realisation, notes: Iterable[str]) -> None:
    """Make the responses that came with an output the current ones where the store's own have expired and are older."""
    http, cache = dict(realisation.http), context.cache
    for note in notes:
        with contextlib.suppress(ValueError):
            request = _entry(note).public
            mine, response = cache.entries([request]).get(request), cache.load(http.get(request, ""))
            if mine is None or response is None:
                continue
            theirs = _believed(note, http, response)
            expired = not context.fresh(mine, realisation.http_max_age.get(request), time.time())
            if expired and theirs.checked_at > mine.checked_at:
                cache.write(request, theirs)


def blobs_to_keep(store: Store) -> set[Digest]:
    """The blobs of all current responses, and of those on which a stored output rests."""
    cache = ResponseCache(store)
    requests = store.records.read(lambda txn: [key.hex() for key, _ in txn.scan("cache:http")])
    current = {entry.response for entry in cache.entries(requests).values()}
    rested = store.records.read(lambda txn: {each for _, r in index.since(txn, 0) for each in r.http.values()})
    return set(cache.blobs(current | rested).values())


def _believed(note: str, http: dict[Digest, Digest], response: Response) -> Entry:
    """The entry in a note, with nothing in it that cannot be checked. Raises ValueError if it is not the response's."""
    entry = _entry(note)
    if http.get(entry.public) != response.digest or entry.private is not False:
        raise ValueError("it is not a response that the output rests on")
    if entry.method == "GET":
        _check_identity(entry)
    return replace(entry, response=response.digest, size=len(response.body))


def _entry(note: str) -> Entry:
    """The entry in a note, with times that were. Raises ValueError unless all that is used of it is of its type."""
    try:
        entry = Entry(**parse(note))
    except TypeError as error:
        raise ValueError("it is not an entry") from error
    digest_of(entry.public)
    headers = entry.headers if isinstance(entry.headers, dict) else {"": None}
    texts = [entry.method, entry.url, entry.etag, entry.last_modified, *headers, *headers.values()]
    if not all(isinstance(text, str) and text.isprintable() for text in texts):
        raise ValueError("it has a field of the wrong type")
    return replace(entry, fetched_at=_past(entry.fetched_at), checked_at=_past(entry.checked_at))


def _check_identity(entry: Entry) -> None:
    """Raise ValueError unless asking again by this entry asks what the entry is about."""
    try:
        again = make_request("GET", entry.url, headers=entry.headers, key=lambda: bytes(32))
    except BadRequest as error:
        raise ValueError("its request is not one") from error
    if again.digest != entry.public:
        raise ValueError("it speaks of another request")


def _past(when: object) -> float:
    """A time that was, or the beginning of time."""
    try:
        seconds = real(when)
    except ValueError:
        return 0.0
    return min(max(seconds, 0.0), time.time()) if math.isfinite(seconds) else 0.0
