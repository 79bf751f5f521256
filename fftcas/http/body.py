"""Reading a body: bounded in size, also after decompression, and known to be whole."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator


class BadBody(Exception):
    """A body that cannot be used; `temporary` says whether asking again may help."""

    def __init__(self, why: str, temporary: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.temporary = temporary


def read_body(chunks: Iterable[bytes], encoding: str, limit: int) -> bytes:
    """The decoded body. Raises BadBody if it is too large, truncated, or in an encoding that was not asked for."""
    coding = encoding.strip().lower()
    if coding not in ("", "identity", "gzip", "x-gzip"):
        raise BadBody(f"it is encoded as '{coding}', which was not asked for")
    if coding in ("gzip", "x-gzip"):
        chunks = gunzip(chunks)
    body = bytearray()
    for chunk in chunks:
        body += chunk
        if len(body) > limit:
            raise BadBody(f"the body is larger than {limit:,} bytes (FF_HTTP_MAX_BYTES)")
    return bytes(body)


def gunzip(chunks: Iterable[bytes], step: int = 1 << 16) -> Iterator[bytes]:
    """Decompress in steps, so that a small body cannot fill the memory before it is counted. Raises BadBody."""
    gzip = zlib.decompressobj(wbits=31)
    empty = True
    for chunk in chunks:
        data = chunk
        while data:
            empty = False
            if gzip.eof:
                gzip = zlib.decompressobj(wbits=31)
            try:
                yield gzip.decompress(data, step)
            except zlib.error as error:
                raise BadBody(f"the gzip stream is damaged: {error}", temporary=True) from None
            data = gzip.unconsumed_tail or gzip.unused_data
    while not gzip.eof and not empty:
        rest = gzip.decompress(b"", step)
        if not rest:
            raise BadBody("the gzip stream is truncated", temporary=True)
        yield rest
