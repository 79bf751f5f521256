"""The store: blobs and tables by content, realisations and other records, safe to share among threads and processes."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from fftcas.derivation import Derivation
from fftcas.digest import Digest
from fftcas.store import index, runs, tables
from fftcas.store.blobs import Blobs, MissingBlob
from fftcas.store.data_file import Warn
from fftcas.store.environment import Environment
from fftcas.store.frame import Codec
from fftcas.store.place import prepare_place, store_path
from fftcas.store.realisation import Realisation
from fftcas.store.records import Records, RecordTxn
from fftcas.store.runs import Relation, RunRecord
from fftcas.table import Manifest, Table


class Store:
    """A facade over the parts. Use `Store.open`, in a `with` statement or with `close`."""

    def __init__(self, path: Path, blobs: Blobs, records: Records) -> None:
        self.path = path
        self.blobs = blobs
        self.records = records

    @classmethod
    def open(cls, path: Path | None = None, warn: Warn | None = None) -> Store:
        """The store at `path`, made if there is none. Raises StoreError if it cannot be used safely."""
        warn = warn or logging.getLogger("fftcas.store").warning
        place = prepare_place(path or store_path(os.environ))
        records = Environment.open(place / "records", warn, 1 << 28)
        try:
            blobs = Environment.open(place / "blobs", warn, 1 << 30)
        except BaseException:
            records.close()
            raise
        return cls(place, Blobs(blobs, warn), Records(records, warn))

    def close(self) -> None:
        self.blobs.release()
        self.blobs.environment.close()
        self.records.environment.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # blobs

    def put_blob(self, data: bytes) -> Digest:
        """Keep bytes that are no table: HTTP bodies, documents."""
        blob = self.blobs.blob(data, Codec.ZLIB)
        self.blobs.put([blob])
        return blob.digest

    def get_blob(self, digest: Digest) -> bytes | None:
        """Verified bytes; None if they are missing, or were bad (then they are removed, with one warning)."""
        data = self.blobs.get(digest)
        return None if data is None else bytes(data)

    # tables

    def write_table(self, table: Table) -> Manifest:
        """Store a stream's chunks. They are held for this process until it closes; `commit` makes them last."""
        return tables.write_table(table, self.blobs.blob, self.blobs.put)

    def read_table(self, manifest: Manifest, columns: Sequence[str] | None = None) -> Table:
        """A stored table, or some of its columns in the table's order, as verified batches, no longer than a chunk.

        Raises MissingBlob, here or while the stream is read, when a chunk is missing or bad.
        """
        wanted = [column for column in manifest.columns if columns is None or column.name in columns]
        return tables.read_table(manifest, wanted, self.blobs)

    def manifest(self, output: Digest) -> Manifest | None:
        """The manifest of an output digest."""
        data = self.records.get("manifest", bytes.fromhex(output))
        if data is None:
            return None
        with contextlib.suppress(ValueError):
            manifest = Manifest.from_json(data)
            if manifest.output == output:
                return manifest
        return None

    def holds(self, manifest: Manifest) -> bool:
        """True if every chunk is there; their bytes are verified when they are read."""
        try:
            chunks = [chunk for some in tables.chunk_lists(self.blobs, manifest.columns) for chunk in some]
        except MissingBlob:
            return False
        return self.blobs.has([chunk.digest for chunk in chunks])

    def weed(self, manifest: Manifest) -> None:
        """Verify all of a table's chunks, and remove those that are bad: what is there is not written again."""
        for column in manifest.columns:
            self.blobs.get(column.digest)
            with contextlib.suppress(MissingBlob):
                for chunk in tables.chunk_list(self.blobs, column):
                    self.blobs.get(chunk.digest)

    # realisations

    def realisation(self, derivation: Digest) -> Realisation | None:
        return self.records.read(lambda txn: index.get(txn, derivation))

    def commit(self, realisation: Realisation, document: bytes, manifest: Manifest | None) -> None:
        """Derivation document, manifest and realisation, in one transaction: from here on the output exists."""
        self.commit_all([(realisation, document, manifest)])

    def commit_all(self, outputs: Sequence[tuple[Realisation, bytes, Manifest | None]]) -> None:
        """`commit` for several outputs: from here on all of them exist."""

        def work(txn: RecordTxn) -> None:
            for output in outputs:
                index.put(txn, *output)

        self.records.write(work)

    def derivation(self, key: Digest) -> Derivation | None:
        """The derivation with this key; None if it is not known, or its document is of another version."""
        document = self.derivation_document(key)
        if document is not None:
            with contextlib.suppress(ValueError):
                return Derivation.from_json(document)
        return None

    def derivation_document(self, derivation: Digest) -> bytes | None:
        return self.records.get("derivation", bytes.fromhex(derivation))

    def realisations_of(self, recipe: Digest, label: str, limit: int = 20) -> list[Realisation]:
        """Realisations of one recipe under one label, newest first."""
        return self.records.read(lambda txn: index.of_recipe(txn, recipe, label, limit))

    def disown(self, derivation: Digest) -> None:
        """Forget a realisation; its derivation will be a miss."""
        self.records.write(lambda txn: index.delete(txn, derivation))

    def same(self, projection: Digest) -> Digest:
        """The representative of a projection's equivalence class; itself if nothing is known."""
        return self.records.read(lambda txn: index.same(txn, projection))

    def record_same(self, projection: Digest, representative: Digest) -> None:
        """Two projections were proven to hold the same rows."""
        self.records.write(lambda txn: index.put_same(txn, projection, representative))

    # caches and runs

    def get_records(self, kind: str, keys: Sequence[bytes]) -> list[bytes | None]:
        return self.records.get_many("cache:" + kind, keys)

    def has_records(self, kind: str) -> bool:
        return self.records.read(lambda txn: any(True for _ in txn.scan("cache:" + kind)))

    def put_records(self, kind: str, items: Mapping[bytes, bytes]) -> None:
        self.records.put_many("cache:" + kind, items)

    def forget_record(self, kind: str, key: bytes) -> None:
        self.records.write(lambda txn: txn.delete("cache:" + kind, key))

    def record_run(self, run: RunRecord, places: Mapping[str, Relation] | None = None) -> None:
        """Keep a run; call it at the start (`finished` None: its outputs are safe from `gc`) and at the end.

        `places` say where its outputs lie, and what its views were made of.
        """
        runs.record_run(self.records, run, places or {})

    def runs(self, project: str | None = None, limit: int = 20) -> list[RunRecord]:
        """Runs with their outputs, newest first (of all projects: project by project)."""
        return self.records.read(
            lambda txn: [
                replace(kept.run, outputs=runs.outputs_of(txn, kept)) for kept in runs.kept_runs(txn, project)[:limit]
            ]
        )

    def places(self, run: RunRecord) -> dict[str, Relation]:
        """Where a run left its outputs, by label; empty if that was not recorded."""
        return self.records.read(lambda txn: runs.places_of(txn, run.project, run.run_id))

    def made(self, output: Digest, label: str) -> Realisation | None:
        """The newest realisation with this output, of this label if there is one."""
        return self.records.read(lambda txn: index.of_output(txn, output, label))

    def history(self, project: str, label: str, limit: int = 20) -> list[Realisation]:
        """What a label was built into by a project's runs, newest first."""
        return self.records.read(lambda txn: index.history(txn, project, label, limit))

    def seconds(self, label: str) -> float | None:
        """How long it took to make a label's newest output, in whatever project."""
        return self.records.read(lambda txn: index.seconds(txn, label))

    def latest(self, project: str) -> dict[str, Realisation]:
        """The newest of each label's history, for all labels of a project's runs."""
        return self.records.read(lambda txn: index.latest(txn, project))


def measure_table(table: Table) -> Manifest:
    """The manifest that `write_table` would give, without a store."""
    return tables.write_table(table, tables.measure, lambda blobs: None)
