"""Tables that pass through: a large one goes to the engine while the local store is still taking it over.

So its bytes are read, decompressed and verified once, and writing them waits for nobody. As ever, nothing is used or
kept before it was verified, and the claim is committed when all of the table is in the store.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from fftcas.store.blobs import MissingBlob
from fftcas.store.remote.ahead import Ahead
from fftcas.store.remote.claim import Claim
from fftcas.store.remote.fetch import SEVERAL_TYPES, Fetcher, Taken, chunk_of
from fftcas.store.remote.frames import locate
from fftcas.store.remote.troubles import Bad
from fftcas.store.store import Store
from fftcas.store.tables import Chunk, Writing, load, streamed
from fftcas.store.threads import Threads
from fftcas.table import Manifest, Table

if TYPE_CHECKING:
    import pyarrow as pa


def passes(claim: Claim, network: bool) -> bool:
    """Whether a claim's table can be read chunk by chunk: each costs a request, and responses have to be accepted
    before they count."""
    whole = claim.manifest is not None and not claim.responses and not claim.realisation.http
    return whole and not claim.small and not network


def passing(fetcher: Fetcher, claim: Claim, manifest: Manifest, store: Store) -> tuple[Table, Taken]:
    """A claim's table, which is in the local store when its stream has ended, and what was read for it by then.

    Raises Bad, OSError and StoreError, at once or while the stream is read.
    """
    taken, places, lists = fetcher.begin(claim)
    wanted = {chunk.digest for chunks in lists for chunk in chunks}
    missing = wanted - store.blobs.there(wanted)
    ahead = Ahead(fetcher.reach, {digest: places[digest] for digest in missing & places.keys()}, len(lists))
    writer = Threads(1, "fftcas-write")
    writing, lock = Writing(writer, store.blobs.put), threading.Lock()

    def take(chunk: Chunk) -> pa.RecordBatch:
        with suppress(MissingBlob):
            there = load(store.blobs, chunk)
            ahead.drop(chunk.digest)  # someone else has stored it meanwhile
            return there
        ref, frame = locate(claim, places, chunk.digest)
        batch, blob = chunk_of(ref, frame, ahead.read(ref, frame), chunk)
        with lock:
            taken.read += blob.memory
            writing.add(blob)
        return batch

    first = [take(chunks[0]) for chunks in lists]
    schemas = {chunk.digest: batch.schema for chunks, batch in zip(lists, first, strict=True) for chunk in chunks}

    def take_alike(chunk: Chunk) -> pa.RecordBatch:
        batch = take(chunk)
        if not batch.schema.equals(schemas[chunk.digest], check_metadata=True):
            raise Bad(claim.name.path, SEVERAL_TYPES)
        return batch

    table = streamed(manifest, manifest.columns, lists, take_alike, first)

    def batches() -> Iterator[pa.RecordBatch]:
        with writer:
            yield from table.batches
            writing.close()
        fetcher.end(taken, store)

    return Table(table.columns, table.schema, batches()), taken
