"""Responses: what identifies them, and how they lie in the store.

A response's digest covers status, content type and body: the same bytes fetched again are the same response. At rest it
is one Arrow record: status, a few headers, body, and when it was fetched.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from fftcas.digest import Digest, digest_bytes, digest_value

HEADERS = ("cache-control", "content-language", "content-type", "date", "etag", "expires", "last-modified")
"""The only headers that are kept."""
_FORMAT = b"response 1"


@dataclass(frozen=True)
class Response:
    """A server's answer; header names are in lower case, `fetched_at` is in seconds since the epoch."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    fetched_at: float

    @cached_property
    def digest(self) -> Digest:
        body = digest_bytes(self.body)
        return digest_value("http response 1", [self.status, self.content_type, body])

    @property
    def content_type(self) -> str:
        """As the server said it, in lower case; empty if it did not."""
        return self.headers.get("content-type", "").strip().lower()

    def to_arrow(self) -> bytes:
        """One record batch in Arrow's IPC stream format; headers that are not in `HEADERS` are left out."""
        import pyarrow as pa

        kept = sorted((name, value) for name, value in self.headers.items() if name in HEADERS)
        columns = {
            "status": pa.array([self.status], pa.int32()),
            "headers": pa.array([kept], pa.map_(pa.utf8(), pa.utf8())),
            "body": pa.array([self.body], pa.large_binary()),
            "fetched_at": pa.array([int(self.fetched_at * 1e6)], pa.timestamp("us", "UTC")),
        }
        batch = pa.record_batch(list(columns.values()), names=list(columns))
        batch = batch.replace_schema_metadata({b"fftcas": _FORMAT})
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema) as writer:
            writer.write_batch(batch)
        return bytes(sink.getvalue().to_pybytes())

    @classmethod
    def from_arrow(cls, data: bytes) -> Response:
        """Raises ValueError if the bytes are not a response."""
        import pyarrow as pa

        try:
            with pa.ipc.open_stream(data) as reader:
                if (reader.schema.metadata or {}).get(b"fftcas") != _FORMAT:
                    raise ValueError("it is of another format")
                batch = reader.read_next_batch()
            batch.validate(full=True)
            (status,), (headers,), (body,), (fetched_at,) = (
                batch.column(name) for name in ("status", "headers", "body", "fetched_at")
            )
            found = cls(status.as_py(), dict(headers.as_py()), body.as_py(), fetched_at.value / 1e6)
            texts = [*found.headers, *found.headers.values()]
            if not (type(found.status) is int and type(found.body) is bytes and all(type(t) is str for t in texts)):
                raise ValueError("it has a field of the wrong type")
            return found
        except Exception as error:  # who wrote the bytes may have chosen any type for any column
            raise ValueError(f"not a stored response: {error}") from error
