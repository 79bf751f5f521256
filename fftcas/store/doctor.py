"""The doctor: verify everything in the store, remove what is bad, and forget what cannot be restored any more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fftcas.digest import Digest
from fftcas.store import index
from fftcas.store.blobs import BLOB
from fftcas.store.data_file import Warn, damage, set_aside
from fftcas.store.examine import examine
from fftcas.store.place import prepare_place
from fftcas.store.readable import remove_unreadable
from fftcas.store.realisation import Realisation
from fftcas.store.records import kind_of
from fftcas.store.store import Store

PARTS = ("records", "blobs")


@dataclass(frozen=True)
class Report:
    """What was looked at and what was done about it.

    `bad_blobs` are digests and `bad_records` kinds of what was removed; `disowned` are realisations whose blobs are
    gone, which will be built again; `set_aside` are parts that could not be read at all and were begun afresh.
    """

    values: int
    bad_blobs: tuple[Digest, ...]
    bad_records: tuple[str, ...]
    disowned: tuple[Realisation, ...]
    set_aside: tuple[str, ...]

    @property
    def healthy(self) -> bool:
        return not (self.bad_blobs or self.bad_records or self.disowned or self.set_aside)


def examine_store(path: Path, warn: Warn) -> Report:
    """Verify and repair the store at `path`, which this process must not have open. Raises StoreError."""
    place = prepare_place(path)
    values, bad, aside = 0, {}, []
    for part in PARTS:
        if not (place / part / "data.mdb").exists():
            continue
        trouble = damage(place / part)
        findings = examine(place / part) if trouble is None else None
        if findings is not None:
            trouble = findings.died
            values += findings.values
            bad[part] = findings.bad
        if trouble is not None:
            set_aside(place / part, trouble, warn)
            aside.append(part)
    bad_blobs, bad_records = bad.get("blobs", ()), bad.get("records", ())
    with Store.open(place, warn) as store:
        for key in bad_blobs:
            store.blobs.remove_bad(key.removeprefix(BLOB).hex())
        store.records.remove_bad(bad_records)
        unreadable = store.records.write(remove_unreadable)
        disowned = tuple(_lost(store))
        for realisation in disowned:
            store.disown(realisation.derivation)
    digests = tuple(key.removeprefix(BLOB).hex() for key in bad_blobs)
    kinds = (*(kind_of(key) for key in bad_records), *unreadable)
    return Report(values, digests, kinds, disowned, tuple(aside))


def _lost(store: Store) -> Iterator[Realisation]:
    """Realisations of tables whose manifest or chunks are missing; views have neither."""
    held: dict[Digest, bool] = {}
    for _, realisation in store.records.read(lambda txn: list(index.every(txn))):
        if realisation.output not in held:
            manifest = store.manifest(realisation.output)
            held[realisation.output] = realisation.rows is None if manifest is None else store.holds(manifest)
        if not held[realisation.output]:
            yield realisation
