"""The response cache: records in the store that lead from a request to its current response.

    http           request digest  → Entry: which response, when it came, how to ask again
    http-response  response digest → the Arrow blob that holds it, and the size of its body
    http-key       (one record)    → the random key under which this store hashes credentials; it never leaves the store

The blob is written first and the entry last: an entry never points to something half-written.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from fftcas.digest import Digest

if TYPE_CHECKING:
    from fftcas.http.request import Request
    from fftcas.http.response import Response

ENTRY, RESPONSE, KEY = "http", "http-response", "http-key"
_KEY_NAME = b"credentials"


class BlobStore(Protocol):
    """What the cache needs of `fftcas.store.store.Store`."""

    def put_blob(self, data: bytes) -> Digest: ...
    def get_blob(self, digest: Digest) -> bytes | None: ...
    def get_records(self, kind: str, keys: Sequence[bytes]) -> list[bytes | None]: ...
    def put_records(self, kind: str, items: Mapping[bytes, bytes]) -> None: ...
    def forget_record(self, kind: str, key: bytes) -> None: ...


@dataclass(frozen=True)
class Entry:
    """The current response of a request. Times are seconds since the epoch.

    `fetched_at` is when its bytes came first, `checked_at` when the server last confirmed them. `url` is masked, and
    `headers` are the plain ones, so that a request without credentials can be made again from its entry.
    """

    response: Digest
    public: Digest
    method: str
    url: str
    size: int
    fetched_at: float
    checked_at: float
    private: bool = False
    etag: str = ""
    last_modified: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def validators(self) -> dict[str, str]:
        """The headers that ask the server whether the response is still the one."""
        named = {"if-none-match": self.etag, "if-modified-since": self.last_modified}
        return {name: value for name, value in named.items() if value}

    @property
    def repeatable(self) -> bool:
        """Whether the request can be made again without the model that made it."""
        return self.method == "GET" and not self.private

    def to_json(self) -> bytes:
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Entry:
        """Raises ValueError if the bytes are not an entry."""
        try:
            document: dict[str, Any] = json.loads(data)
            return cls(**document)
        except (TypeError, ValueError) as error:
            raise ValueError(f"not an entry of the response cache: {error}") from error


class ResponseCache:
    """Requests and responses in a store. Threads may share it."""

    def __init__(self, store: BlobStore) -> None:
        self._store = store

    def key(self) -> bytes:
        """The store's own random key, made at the first need; it is read back, so that two who make it agree."""
        for _ in range(2):
            (key,) = self._store.get_records(KEY, [_KEY_NAME])
            if key is not None and len(key) == 32:
                return key
            self._store.put_records(KEY, {_KEY_NAME: os.urandom(32)})
        (key,) = self._store.get_records(KEY, [_KEY_NAME])
        return key or os.urandom(32)

    def entries(self, requests: Iterable[Digest]) -> dict[Digest, Entry]:
        """The entries of many requests in one read; what is missing or damaged is left out."""
        return {
            request: entry
            for request, data in self._read(ENTRY, requests).items()
            if (entry := _entry(data)) is not None
        }

    def find(self, request: Request) -> Entry | None:
        return self.entries([request.digest]).get(request.digest)

    def sizes(self, responses: Iterable[Digest]) -> dict[Digest, int]:
        """Body sizes of stored responses."""
        return {
            response: located[1]
            for response, data in self._read(RESPONSE, responses).items()
            if (located := _located(data)) is not None
        }

    def blobs(self, responses: Iterable[Digest]) -> dict[Digest, Digest]:
        """The blobs that hold stored responses."""
        return {
            response: located[0]
            for response, data in self._read(RESPONSE, responses).items()
            if (located := _located(data)) is not None
        }

    def load(self, response: Digest) -> Response | None:
        """A stored response; None if it is missing, damaged, or not what its name says."""
        from fftcas.http.response import Response

        (data,) = self._store.get_records(RESPONSE, [bytes.fromhex(response)])
        located = _located(data) if data else None
        blob = self._store.get_blob(located[0]) if located else None
        if blob is None:
            return None
        try:
            loaded = Response.from_arrow(blob)
        except ValueError:
            return None
        return loaded if loaded.digest == response else None

    def keep(self, request: Request, response: Response) -> Entry:
        """Make this the current response of the request."""
        before = self.find(request)
        same = before is not None and before.response == response.digest
        self.keep_response(response)
        entry = Entry(
            response.digest,
            request.public,
            request.method,
            request.shown,
            size=len(response.body),
            fetched_at=before.fetched_at if before and same else response.fetched_at,
            checked_at=response.fetched_at,
            private=request.private,
            etag=response.headers.get("etag", ""),
            last_modified=_strong_date(response),
            headers=dict(request.plain_headers),
        )
        self.write(request.digest, entry)
        return entry

    def keep_response(self, response: Response) -> None:
        """Store a response, whatever request it answers."""
        if self.load(response.digest) is None:
            located = {"blob": self._store.put_blob(response.to_arrow()), "bytes": len(response.body)}
            data = json.dumps(located, separators=(",", ":")).encode()
            self._store.put_records(RESPONSE, {bytes.fromhex(response.digest): data})

    def confirm(self, request: Request, entry: Entry, answer: Response) -> Entry:
        """The server said that the entry's response is still the one."""
        confirmed = replace(
            entry,
            checked_at=answer.fetched_at,
            etag=answer.headers.get("etag", entry.etag),
        )
        self.write(request.digest, confirmed)
        return confirmed

    def write(self, request: Digest, entry: Entry) -> None:
        """Make an entry the request's own; its response has to be stored before."""
        self._store.put_records(ENTRY, {bytes.fromhex(request): entry.to_json()})

    def forget(self, request: Request) -> None:
        """Leave the request without a current response; outputs that rest on the one it had still do."""
        self._store.forget_record(ENTRY, bytes.fromhex(request.digest))

    def _read(self, kind: str, digests: Iterable[Digest]) -> dict[Digest, bytes]:
        names = list(digests)
        found = self._store.get_records(kind, [bytes.fromhex(name) for name in names])
        return {name: data for name, data in zip(names, found, strict=True) if data is not None}


def _strong_date(response: Response) -> str:
    """`Last-Modified`, if it tells apart all versions: in its first second a file may have changed again (RFC 9110)."""
    from email.utils import parsedate_to_datetime

    modified = response.headers.get("last-modified", "")
    try:
        age = parsedate_to_datetime(response.headers.get("date", "")) - parsedate_to_datetime(modified)
    except (TypeError, ValueError):
        return ""
    return modified if age.total_seconds() >= 2 else ""


def _entry(data: bytes) -> Entry | None:
    try:
        return Entry.from_json(data)
    except ValueError:
        return None


def _located(data: bytes) -> tuple[Digest, int] | None:
    """The blob and the body size in a record of kind `http-response`."""
    try:
        document = json.loads(data)
        blob, size = str(document["blob"]), int(document["bytes"])
        bytes.fromhex(blob)
    except (KeyError, TypeError, ValueError):
        return None
    return blob, size
