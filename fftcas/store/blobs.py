"""Blobs: immutable bytes under their blake3 digest, verified at every read.

A write also notes, in the same transaction, which blobs its process *holds*: the ones it wrote or found there and has
not yet named in a realisation. The sweep of `gc` is a write transaction on the same environment, so it sees a hold
before the blob it protects, or the writer sees that the blob is gone and writes it again.
"""

from __future__ import annotations

import itertools
import struct
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import lmdb
from blake3 import blake3

from fftcas.digest import Digest
from fftcas.errors import StoreError
from fftcas.store.data_file import Warn
from fftcas.store.environment import Environment
from fftcas.store.frame import MAX_BLOB, Codec, pack, unpack
from fftcas.store.owner import Owner

Item = TypeVar("Item")
BLOB, HOLD = b"b", b"h"
SMALL = 4096
"""Bytes that are packed sooner than looked for."""
_TIME = struct.Struct(">d")


class MissingBlob(Exception):
    """A blob is not in the store, or was damaged; what rests on it must be built again."""

    def __init__(self, digest: Digest) -> None:
        super().__init__(f"blob {digest[:16]} is missing")
        self.digest = digest


@dataclass(frozen=True)
class Blob:
    """Bytes to be written: their digest and size, and the frame, or the raw buffer if the store seems to have them."""

    digest: Digest
    size: int
    codec: Codec
    frame: bytes | memoryview | None = None
    raw: Any = b""

    @property
    def memory(self) -> int:
        """Bytes that it takes up until it is written."""
        return self.size if self.frame is None else len(self.frame)


class Blobs:
    """The content-addressed values of one environment. Threads may share it."""

    def __init__(self, environment: Environment, warn: Warn) -> None:
        self.environment = environment
        self._warn = warn
        self._counter = itertools.count()
        self._holding: list[bytes] = []

    def blob(self, raw: Any, codec: Codec) -> Blob:
        """Hash a buffer, and compress it if the store does not have it. Raises StoreError if it is too large."""
        size = memoryview(raw).nbytes
        if size > MAX_BLOB:
            raise StoreError(f"a value of {size >> 20} MiB cannot be stored", why=f"the limit is {MAX_BLOB >> 20} MiB")
        digest = blake3(raw).hexdigest()
        if size > SMALL and self.has([digest]):
            return Blob(digest, size, codec, raw=raw)
        return Blob(digest, size, codec, pack(raw, codec))

    def put(self, blobs: Sequence[Blob]) -> None:
        """Write blobs in one transaction, and hold them. Raises StoreError."""
        digests = sorted({bytes.fromhex(blob.digest) for blob in blobs})
        by_digest = {bytes.fromhex(blob.digest): blob for blob in blobs}
        owner = Owner.mine().pack()
        hold = HOLD + owner + struct.pack(">QQ", id(self), next(self._counter))

        def work(txn: lmdb.Transaction) -> None:
            for digest in digests:
                blob = by_digest[digest]
                if blob.frame is not None:
                    _write_good(txn, blob.digest, blob.frame)
                elif txn.get(BLOB + digest) is None:
                    txn.put(BLOB + digest, pack(blob.raw, blob.codec))  # swept since we looked
            txn.put(hold, _TIME.pack(time.time()) + b"".join(digests))

        self.environment.write(work)
        self._holding.append(hold)

    def release(self) -> None:
        """Let go of what this process held: its realisations are committed."""
        holding, self._holding = self._holding, []
        if holding:
            self.environment.write(lambda txn: [txn.delete(key) for key in holding])

    def settle(self) -> None:
        """Two small commits, after which LMDB takes deleted pages into use again."""
        self.put([])
        hold = self._holding.pop()
        self.environment.write(lambda txn: txn.delete(hold))

    def get(self, digest: Digest) -> Any | None:
        """A verified buffer, or None if it is missing or bad; a bad one is removed."""
        return self.get_many([digest])[0]

    def get_many(self, digests: Sequence[Digest]) -> list[Any | None]:
        """`get` for several, read in one transaction."""
        frames = self.frames(digests)
        frames.reverse()
        found = []
        for digest in digests:
            frame = frames.pop()  # it is not kept while the next is unpacked
            found.append(None if frame is None else self.verified(digest, frame))
        return found

    def frame(self, digest: Digest) -> bytes | None:
        """The bytes that lie under a digest, not verified yet."""
        return self.frames([digest])[0]

    def frames(self, digests: Sequence[Digest]) -> list[bytes | None]:
        """`frame` for several, in one transaction."""
        keys = [BLOB + bytes.fromhex(digest) for digest in digests]
        return self.environment.read(lambda txn: [copied(txn.get(key)) for key in keys])

    def verified(self, digest: Digest, frame: bytes) -> Any | None:
        """The buffer in a frame if it hashes to its name; else it is removed, with one warning, and None."""
        try:
            return verify(digest, frame)
        except ValueError as error:
            self._warn(f"blob {digest[:16]} is damaged and was removed ({error})")
            self.remove_bad(digest)
            return None

    def remove_bad(self, digest: Digest) -> None:
        """Remove a blob, unless a good one lies there by now."""
        key = BLOB + bytes.fromhex(digest)

        def work(txn: lmdb.Transaction) -> None:
            frame = copied(txn.get(key))
            if frame is not None and not _good(digest, frame):
                txn.delete(key)

        self.environment.write(work)

    def has(self, digests: Iterable[Digest]) -> bool:
        """True if every digest is there (its bytes are not verified)."""
        keys = [BLOB + bytes.fromhex(digest) for digest in digests]
        return self.environment.read(lambda txn: all(txn.get(key) is not None for key in keys))

    def there(self, digests: Iterable[Digest]) -> set[Digest]:
        """Those of the digests that are there (their bytes are not verified)."""
        keys = {digest: BLOB + bytes.fromhex(digest) for digest in digests}
        return self.environment.read(lambda txn: {digest for digest, key in keys.items() if txn.get(key) is not None})

    def scan(self, prefix: bytes, look: Callable[[bytes, Any], Item], batch: int = 1000) -> Iterator[Item]:
        """`look(key, value)` for every key of a prefix, in short transactions."""
        after = prefix
        while True:
            found, after = self.environment.read(partial(_page, prefix=prefix, after=after, look=look, batch=batch))
            yield from found
            if not after:
                return


def holding(txn: lmdb.Transaction, now: float, grace: float) -> tuple[set[bytes], list[bytes]]:
    """Digests that are held by a living process or were within the grace, and the keys of holds that count no more."""
    held: set[bytes] = set()
    stale = []
    cursor = txn.cursor()
    more = cursor.set_range(HOLD)
    while more and bytes(cursor.key()).startswith(HOLD):
        key, value = bytes(cursor.key()), bytes(cursor.value())
        age = now - _TIME.unpack_from(value)[0]
        if abs(age) < grace or Owner.unpack(key[1:25]).alive():
            held.update(value[at : at + 32] for at in range(_TIME.size, len(value), 32))
        else:
            stale.append(key)
        more = cursor.next()
    return held, stale


def verify(digest: Digest, frame: bytes | memoryview) -> Any:
    """The buffer in a frame. Raises ValueError if it does not hash to its name."""
    data = unpack(frame)
    if blake3(data).hexdigest() != digest:
        raise ValueError("its bytes do not hash to its name")
    return data


def _write_good(txn: lmdb.Transaction, digest: Digest, frame: bytes | memoryview) -> None:
    """Write a frame, unless a good one lies there: to a reader that stops at the first that is missing, others that are
    damaged do not show."""
    key = BLOB + bytes.fromhex(digest)
    if not txn.put(key, frame, overwrite=False):
        there = copied(txn.get(key))
        if there is not None and there != frame and not _good(digest, there):
            txn.put(key, frame)


def _good(digest: Digest, frame: bytes) -> bool:
    try:
        verify(digest, frame)
    except ValueError:
        return False
    return True


def copied(value: bytes | memoryview | None) -> bytes | None:
    """Bytes that outlive their transaction."""
    return None if value is None else bytes(value)


def _page(
    txn: lmdb.Transaction, prefix: bytes, after: bytes, look: Callable[[bytes, Any], Item], batch: int
) -> tuple[list[Item], bytes]:
    cursor = txn.cursor()
    found: list[Item] = []
    more = cursor.set_range(after)
    while more:
        key = bytes(cursor.key())
        if not key.startswith(prefix):
            break
        if len(found) == batch:
            return found, key
        found.append(look(key, cursor.value()))
        more = cursor.next()
    return found, b""
