"""Giving tables away: in the background, what is missing only, packs before the claim that names them."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from fftcas.digest import Digest
from fftcas.errors import RemoteError
from fftcas.store import tables
from fftcas.store.blobs import MissingBlob
from fftcas.store.remote import layout
from fftcas.store.remote.claim import LIMIT, Claim, Response, read_claim
from fftcas.store.remote.fetch import Responses
from fftcas.store.remote.keys import Signer, Trust
from fftcas.store.remote.layout import UNSIGNED, ClaimName
from fftcas.store.remote.pack import PackRef, packs
from fftcas.store.remote.reach import Reach, said
from fftcas.store.remote.troubles import Troubles
from fftcas.store.store import Store
from fftcas.table import Manifest

BATCH = 64
_THREADS = 2
_DAY = 24 * 3600.0


@dataclass
class Published:
    """What was written so far: claims, objects and bytes; claims that were there; and what the remote failed to take.

    `problems` also tell of outputs that are no longer whole, or that no reader would believe.
    """

    claims: int = 0
    objects: int = 0
    bytes: int = 0
    known: int = 0
    failed: int = 0
    problems: list[str] = field(default_factory=list)


class Publisher:
    """Publishes the local store's outputs under a namespace. `publish` returns at once; `finish` waits."""

    def __init__(
        self, reach: Reach, responses: Responses, namespace: str, signer: Signer | None, troubles: Troubles
    ) -> None:
        self.done = Published()
        self._reach = reach
        self._responses = responses
        self._namespace = namespace
        self.signer = signer
        self._troubles = troubles
        self._queue: queue.SimpleQueue[tuple[Digest, Store] | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._key_known = signer is None

    def publish(self, derivation: Digest, store: Store) -> None:
        self._queue.put((derivation, store))
        if len(self._threads) < _THREADS:
            thread = threading.Thread(target=self._work, name="fftcas-publish", daemon=True)
            self._threads.append(thread)
            thread.start()

    def finish(self, used: Sequence[str] = ()) -> Published:
        """Wait until all is written, or has failed. `used` are names of claims that were of use."""
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()
        self._threads = []
        self._touch(used)
        return self.done

    def _touch(self, used: Sequence[str]) -> None:
        """Tell the collector of garbage which claims were of use, at most once a day."""
        transport = self._reach.transport
        try:
            entries = self._reach.run(lambda: transport.stat(used), write=True) if used else {}
            old = [name for name, entry in entries.items() if entry.modified < time.time() - _DAY]
            self._reach.each(transport.touch, old, write=True)
        except OSError as error:
            self.done.problems.append(said(error))

    def _work(self) -> None:
        more = True
        while more:
            batch: list[tuple[Digest, Store]] = []
            while more and len(batch) < BATCH and (not batch or not self._queue.empty()):
                item = self._queue.get()
                more = item is not None
                batch += [item] if item is not None else []
            if batch:
                self._batch(batch)

    def _batch(self, batch: Sequence[tuple[Digest, Store]]) -> None:
        names = {derivation: self.name(derivation).path for derivation, _ in batch}
        try:
            self._publish_key()
            there = self._reach.run(lambda: self._reach.transport.stat(list(names.values())), write=True)
        except (OSError, RemoteError) as error:
            self._failed(len(batch), error)
            return
        for derivation, store in batch:
            try:
                name = names[derivation]
                known = name in there
                if known and not self._troubles.doubts(derivation, name) and not self._outdates(derivation, store):
                    with self._lock:
                        self.done.known += 1
                    continue
                self._one(derivation, store, replacing=known)
            except (OSError, RemoteError) as error:
                self._failed(1, error)
            except (ValueError, MissingBlob) as error:
                self._kept_back(derivation, store, error)

    def _outdates(self, derivation: Digest, store: Store) -> bool:
        """Whether the store's output rests on newer HTTP responses than the one that is claimed already."""
        realisation, name = store.realisation(derivation), self.name(derivation)
        if realisation is None or not realisation.http:
            return False
        data = self._reach.run(lambda: self._reach.transport.get(name.path, 0, LIMIT + 1))
        try:
            claim = self._read(name, data or b"")
        except ValueError:
            return True
        notes = [note for _, note in self._responses.collect(store, dict(realisation.http))]
        theirs = self._responses.known_at(claim.realisation, [response.note for response in claim.responses])
        return self._responses.known_at(realisation, notes) > theirs

    def _read(self, name: ClaimName, data: bytes) -> Claim:
        """A claim of one's own. Raises ValueError if readers would not believe it."""
        return read_claim(name, data, Trust((self.signer.public,)) if self.signer else Trust(), self._namespace)

    def _one(self, derivation: Digest, store: Store, replacing: bool) -> None:
        realisation, document = store.realisation(derivation), store.derivation_document(derivation)
        manifest = store.manifest(realisation.output) if realisation and realisation.rows is not None else None
        if realisation is None or document is None or (manifest is None) != (realisation.rows is None):
            raise ValueError("it is no longer in the local store")
        responses = tuple(self._collect(store, dict(realisation.http)))
        claim = Claim(self.name(derivation), realisation, document, manifest, responses=responses)
        refs = self._write_packs(claim, store)
        claim = replace(claim, packs=tuple(refs))
        data, name = claim.to_bytes(self.signer), claim.name
        self._read(name, data)
        self._put(name.path, data, replacing=replacing)
        self._put(f"{layout.near(self._namespace, realisation.label)}/{derivation}", b"")
        with self._lock:
            self.done.claims += 1

    def _write_packs(self, claim: Claim, store: Store) -> list[PackRef]:
        """Write the packs that are missing; returns all of them, those that are read first before the others."""
        lists = {column.digest for column in claim.manifest.columns} if claim.manifest else set()
        lists |= {response.blob for response in claim.responses}
        first, rest = list[PackRef](), list[PackRef]()
        for pack in packs(_columns(claim.manifest, [r.blob for r in claim.responses], store)):
            self._put(layout.pack(pack.ref.name), pack.bytes(), pack.ref.size)
            (first if any(digest in lists for digest, _ in pack.frames) else rest).append(pack.ref)
        return list(dict.fromkeys(first + rest))

    def _put(self, name: str, data: bytes, size: int | None = None, replacing: bool = False) -> None:
        """Write an object unless there is one; a bad one is replaced, and any if `replacing`."""
        transport = self._reach.transport

        def put() -> bool:
            there = transport.stat([name]).get(name)
            bad = there is not None and (name in self._troubles.bad or (size is not None and there.size != size))
            if there is not None and size is not None and not bad:
                # It may be about to be collected: being young again protects it.
                transport.touch(name)
                return False
            return transport.put(name, data, replace=bad or replacing)

        if self._reach.run(put, write=True):
            self._troubles.mended(name)
            with self._lock:
                self.done.objects += 1
                self.done.bytes += len(data)

    def _publish_key(self) -> None:
        if not self._key_known and self.signer is not None:
            key = self.signer.public
            self._put(f"keys/{key.id}", f"{key}\n".encode())
            self._key_known = True

    def _collect(self, store: Store, http: dict[Digest, Digest]) -> Iterator[Response]:
        for blob, note in self._responses.collect(store, http):
            data = store.get_blob(blob)
            if data is not None:
                yield Response(blob, len(data), note)

    def name(self, derivation: Digest) -> ClaimName:
        return ClaimName(self._namespace, derivation, self.signer.public.id if self.signer else UNSIGNED)

    def _kept_back(self, derivation: Digest, store: Store, error: Exception) -> None:
        """An output cannot be published, and the remote is not to blame."""
        made = store.realisation(derivation)
        with self._lock:
            self.done.problems.append(f"{made.label if made else derivation[:16]} was not published: {error}")

    def _failed(self, count: int, error: Exception) -> None:
        with self._lock:
            self.done.failed += count
            self.done.problems.append(said(error) if isinstance(error, OSError) else str(error))


def _columns(
    manifest: Manifest | None, responses: Sequence[Digest], store: Store
) -> Iterator[Iterator[tuple[Digest, bytes]]]:
    """A table's verified frames: its lists of chunks and the responses first, then column by column."""
    columns = manifest.columns if manifest else ()
    yield (_frame(store, digest) for digest in dict.fromkeys([*(c.digest for c in columns), *responses]))
    seen: set[Digest] = set()
    for column in columns:
        chunks = dict.fromkeys(chunk.digest for chunk in tables.chunk_list(store.blobs, column))
        yield (_frame(store, digest) for digest in chunks if digest not in seen)
        seen.update(chunks)


def _frame(store: Store, digest: Digest) -> tuple[Digest, bytes]:
    """A frame as it lies in the store, if its content is what its name says. Raises MissingBlob."""
    frame = store.blobs.frame(digest)
    if frame is None or store.blobs.verified(digest, frame) is None:
        raise MissingBlob(digest)
    return digest, frame
