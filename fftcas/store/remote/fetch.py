"""Taking tables over: nothing reaches the local store before it was verified against its claim."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from fftcas.digest import Digest
from fftcas.store import index
from fftcas.store.blobs import Blob, verify
from fftcas.store.chunks import decode
from fftcas.store.frame import Codec, raw_size
from fftcas.store.realisation import Realisation
from fftcas.store.records import RecordTxn
from fftcas.store.remote import layout
from fftcas.store.remote.believable import check_chunks
from fftcas.store.remote.claim import Claim
from fftcas.store.remote.decoded import Rows
from fftcas.store.remote.frames import (
    Places,
    Told,
    by_pack,
    frames_in,
    head_of,
    locate,
    neighbours,
    read_many,
    read_part,
    read_run,
)
from fftcas.store.remote.pack import Frame, PackRef
from fftcas.store.remote.reach import Reach
from fftcas.store.remote.transport import Transport
from fftcas.store.remote.troubles import Bad
from fftcas.store.store import Store
from fftcas.store.tables import Chunk, keep_list

if TYPE_CHECKING:
    import pyarrow as pa

SEVERAL_TYPES = "the chunks of a column are of several types"
_LIST_BYTES = 128 << 20


class Responses:
    """What becomes of the HTTP responses that travel with a claim; by default they do not."""

    def collect(self, store: Store, http: dict[Digest, Digest]) -> Iterable[tuple[Digest, str]]:
        """The blobs of those responses that anyone may have, each with a note for `accept`."""
        return ()

    def accept(self, store: Store, http: dict[Digest, Digest], note: str, data: bytes) -> None:
        """Keep a response whose bytes were verified. Raises ValueError if it is not one of the claim's."""

    def known_at(self, realisation: Realisation, notes: Iterable[str]) -> float:
        """When all the responses that an output rests on were last known to be current, in seconds since the epoch."""
        return 0.0


@dataclass
class Taken:
    """What was read for one claim and verified: blobs to be stored, responses, and rows that had to be decoded."""

    claim: Claim
    blobs: list[Blob] = field(default_factory=list)
    rows: Rows | None = None
    responses: list[tuple[str, bytes]] = field(default_factory=list)
    read: int = 0


@dataclass
class Common:
    """What was checked for one of several claims, and need not be for another: tables have columns in common."""

    listed: dict[Digest, tuple[Blob, bytes]] = field(default_factory=dict)
    chunks: dict[Digest, tuple[Blob, pa.RecordBatch | None]] = field(default_factory=dict)

    def chunk(self, claim: Claim, chunk: Chunk) -> tuple[Blob, pa.RecordBatch | None] | None:
        """A chunk, if it was checked as thoroughly as it has to be for this claim, and found to be as it is listed."""
        blob, batch = self.chunks.get(chunk.digest, (None, None))
        if blob is None or blob.size != chunk.bytes:
            return None
        return (blob, batch) if (claim.vouched if batch is None else batch.num_rows == chunk.rows) else None


@dataclass(frozen=True)
class Fetcher:
    """Takes the outputs of claims into the local store."""

    reach: Reach
    responses: Responses

    def together(self, claims: Sequence[Claim], store: Store) -> list[Taken | Bad | OSError]:
        """Take over small tables, in few transactions. What failed is answered with why."""
        common = Common()
        begun = store.blobs.there({digest for claim in claims for digest in _firsts(claim)})
        for digest in begun:
            store.blobs.get(digest)  # what is rotten is removed: what is there would not be written again

        def read(claim: Claim) -> Taken | Bad | OSError:
            try:
                if begun.issuperset(_firsts(claim)) and _is_whole(claim, store):
                    return Taken(claim)
                return self._read_small(self.reach.transport, claim, common)
            except (Bad, OSError) as problem:
                return problem

        answers = self.reach.each(read, claims)
        taken = [answer for answer in answers if isinstance(answer, Taken)]
        blobs = {blob.digest: blob for each in taken for blob in each.blobs}
        if blobs:
            store.blobs.put(list(blobs.values()))
        self._commit(taken, store)
        return answers

    def one(self, claim: Claim, store: Store) -> int:
        """Take over a table of any size; returns the bytes that were read. Raises Bad or OSError."""
        transport = self.reach.transport
        taken, places, lists = self.begin(claim)
        wanted, schemas = _distinct(claim, lists), dict[Digest, "pa.Schema"]()
        if not store.blobs.has(wanted):
            missing = [digest for digest in wanted if not store.blobs.has([digest])]

            def take(part: tuple[PackRef, list[Frame]]) -> int:
                read = 0
                for run in neighbours(part[1]):
                    blobs = []
                    for frame, data in read_run(transport, part[0], run):
                        read += len(data)
                        blob, batch = _checked(claim, part[0], frame, bytes(data), wanted[frame.digest])
                        blobs.append(blob)
                        if batch is not None:
                            schemas[frame.digest] = batch.schema
                    store.blobs.put(blobs)
                return read

            taken.read += sum(self.reach.each(take, by_pack(claim, places, missing).items()))
            _check_types(claim, lists, schemas)
        self.end(taken, store)
        return taken.read

    def begin(self, claim: Claim) -> tuple[Taken, Places, list[list[Chunk]]]:
        """What says of a large table where its chunks are, and each column's list of them. Raises Bad or OSError."""
        taken = Taken(claim)
        transport = self.reach.transport
        heads = self.reach.each(lambda ref: (ref, head_of(transport, ref)), claim.packs)
        places = {frame.digest: (ref, frame) for ref, frames in heads for frame in frames}
        first = self.reach.run(lambda: read_many(transport, claim, places, _firsts(claim)))
        taken.read += sum(ref.head for ref, _ in heads) + sum(len(data) for data in first.values())
        return taken, places, _first(taken, places, first, Common())

    def end(self, taken: Taken, store: Store) -> None:
        """Commit a table whose chunks are in the store."""
        store.blobs.put(taken.blobs)
        self._commit([taken], store)

    def _read_small(self, transport: Transport, claim: Claim, common: Common) -> Taken:
        taken = Taken(claim)
        places: Places = {}
        frames: dict[Digest, memoryview] = {}
        for ref in claim.packs:
            data = read_part(transport, ref, 0, ref.size + 1)
            if len(data) != ref.size:
                raise Bad(layout.pack(ref.name), f"it has {len(data)} bytes instead of {ref.size}")
            taken.read += len(data)
            view = memoryview(data)
            for frame in frames_in(ref, view[: ref.head]):
                places[frame.digest] = ref, frame
                frames[frame.digest] = view[frame.start : frame.start + frame.length]
        lists, batches = _first(taken, places, frames, common), dict[Digest, "pa.RecordBatch"]()
        for digest, chunk in _distinct(claim, lists).items():
            ref, frame = locate(claim, places, digest)
            blob, batch = common.chunk(claim, chunk) or _checked(claim, ref, frame, bytes(frames[digest]), chunk)
            common.chunks[digest] = blob, batch
            taken.blobs.append(blob)
            if batch is not None:
                batches[digest] = batch
        _check_types(claim, lists, {digest: batch.schema for digest, batch in batches.items()})
        if claim.manifest is not None and not claim.vouched:
            taken.rows = Rows(claim.manifest, lists, batches)
        return taken

    def _commit(self, taken: Sequence[Taken], store: Store) -> None:
        for each in taken:
            for note, data in each.responses:
                try:
                    self.responses.accept(store, dict(each.claim.realisation.http), note, data)
                except ValueError:
                    continue  # the response is not kept; the table does not depend on it
        claims = [each.claim for each in taken]
        store.records.write(partial(_put_all, claims=claims))


def _is_whole(claim: Claim, store: Store) -> bool:
    """Whether nothing of a claim has to be read: the store holds its table, and it has no responses."""
    return claim.manifest is not None and store.holds(claim.manifest) and not claim.responses


def _firsts(claim: Claim) -> list[Digest]:
    """The blobs that are read first: they say what else is needed."""
    columns = claim.manifest.columns if claim.manifest else ()
    return [*(column.digest for column in columns), *(response.blob for response in claim.responses)]


def _first(taken: Taken, places: Places, frames: Mapping[Digest, memoryview], common: Common) -> list[list[Chunk]]:
    """Take the lists of chunks and the responses; returns the chunks of each column."""
    claim, lists = taken.claim, list[list[Chunk]]()

    def content(digest: Digest, limit: int) -> bytes:
        ref, frame = locate(claim, places, digest)
        data = frames[digest]
        if digest not in common.listed or common.listed[digest][0].size > limit:
            with Told(ref):
                frame.check(data)
                if raw_size(data) > limit:
                    raise ValueError(f"chunk {digest[:16]} is larger than it may be")
                raw = bytes(verify(digest, data))
            common.listed[digest] = Blob(digest, len(raw), Codec.RAW, bytes(data)), raw
        blob, raw = common.listed[digest]
        taken.blobs.append(blob)
        return raw

    for position, column in enumerate(claim.manifest.columns if claim.manifest else ()):
        assert claim.manifest is not None
        data = content(column.digest, min(column.bytes, _LIST_BYTES))  # an entry takes up less than any chunk
        with Told(places[column.digest][0]):
            lists.append(check_chunks(data, claim.manifest, position))
        keep_list(column.digest, lists[-1])
    for response in claim.responses:
        taken.responses.append((response.note, content(response.blob, response.size)))
    return lists


def _distinct(claim: Claim, lists: Iterable[Iterable[Chunk]]) -> dict[Digest, Chunk]:
    """All chunks, each once. Raises Bad if two lists say different things of one: it would be checked against one."""
    found: dict[Digest, Chunk] = {}
    for chunk in chain.from_iterable(lists):
        if found.setdefault(chunk.digest, chunk) != chunk:
            raise Bad(claim.name.path, f"its lists do not agree about chunk {chunk.digest[:16]}")
    return found


def _check_types(claim: Claim, lists: Iterable[Iterable[Chunk]], schemas: Mapping[Digest, pa.Schema]) -> None:
    """Raises Bad unless a column's chunks, as far as they were read, are of one type: no reader takes others."""
    for chunks in lists:
        known = [schemas[chunk.digest] for chunk in chunks if chunk.digest in schemas]
        if any(not schema.equals(known[0], check_metadata=True) for schema in known):
            raise Bad(claim.name.path, SEVERAL_TYPES)


def _put_all(txn: RecordTxn, claims: Sequence[Claim]) -> None:
    for claim in claims:
        index.put(txn, claim.realisation, claim.document, claim.manifest)


def _checked(claim: Claim, ref: PackRef, frame: Frame, data: bytes, chunk: Chunk) -> tuple[Blob, pa.RecordBatch | None]:
    """A chunk as the store keeps it, and its rows. Raises Bad unless it is whole, of its size, and valid Arrow.

    Where a trusted key vouches for these very bytes, they are decompressed and validated only by the store's readers.
    """
    with Told(ref):
        blob = _blob(frame, data, chunk)
        return blob, None if claim.vouched else decode(verify(frame.digest, data), chunk.rows)


def chunk_of(ref: PackRef, frame: Frame, data: memoryview, chunk: Chunk) -> tuple[pa.RecordBatch, Blob]:
    """One chunk, verified in full, and as the store keeps it. Raises Bad."""
    with Told(ref):
        kept = _blob(frame, data, chunk)
        return decode(verify(chunk.digest, data), chunk.rows), kept


def _blob(frame: Frame, data: bytes | memoryview, chunk: Chunk) -> Blob:
    """Raises ValueError unless these are the frame's bytes, and declare the chunk's size."""
    frame.check(data)
    if raw_size(data) != chunk.bytes:
        raise ValueError(f"chunk {frame.digest[:16]} has another size than its table says")
    return Blob(frame.digest, chunk.bytes, Codec.ZSTD, data)
