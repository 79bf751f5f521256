"""What processes do until they are killed: write tables into a store, or collect its garbage.

A table is a function of its number, so that any process can tell whether what it reads is right.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pyarrow as pa

from fftcas.digest import digest_bytes
from fftcas.store import Realisation, Store, gc
from fftcas.table import Column, Manifest, Table

GRACE = 3.0
"""Seconds for which the collector leaves alone what is new."""

COLUMNS = (Column("id", "BIGINT"), Column("name", "VARCHAR"), Column("flag", "BOOLEAN"))


def table(number: int) -> Table:
    data = content(number)
    return Table(COLUMNS, data.schema, iter(data.to_batches(max_chunksize=20_000)))


@cache
def content(number: int) -> pa.Table:
    """Of table `number`: up to 90,000 rows; every third number shares its ids with others."""
    rows = (number * 7919) % 900 * (100 if number % 10 == 0 else 1)
    ids = pa.array(range(number % 3, number % 3 + rows), pa.int64())
    names = pa.array([f"{number}-{row % 977}" for row in range(rows)], pa.string())
    flags = pa.array([None if row % 3 else row % 2 == 0 for row in range(rows)], pa.bool_())
    return pa.table([ids, names, flags], names=[column.name for column in COLUMNS])


def realise(store: Store, number: int, built_at: str | None = None) -> Manifest:
    """Write and commit table `number`."""
    manifest = store.write_table(table(number))
    at = built_at or datetime.now(UTC).isoformat()
    label = f"//t:t{number}"
    key = derivation(number)
    store.commit(
        Realisation(key, key, manifest.output, label, "sql", manifest.rows, manifest.size, 1.0, at, "run", "host"),
        label.encode(),
        manifest,
    )
    return manifest


def derivation(number: int) -> str:
    return digest_bytes(b"%d" % number)


def verify(store: Store, number: int) -> bool:
    """False if table `number` is not realised; raises if what is realised cannot be read, or is not that table."""
    realisation = store.realisation(derivation(number))
    if realisation is None:
        return False
    manifest = store.manifest(realisation.output)
    assert manifest is not None
    assert store.derivation_document(derivation(number)) == realisation.label.encode()
    read = store.read_table(manifest)
    assert pa.Table.from_batches(list(read.batches), read.schema).equals(content(number))
    return True


def numbers(seed: int) -> Iterator[int]:
    order = random.Random(seed)
    while True:
        yield order.randrange(400)


def work(path: Path, journal: Path, seed: int, kind: str) -> None:
    """Never ends. A commit is told in the journal once it is done."""
    with Store.open(path) as store, journal.open("ab", buffering=0) as log:
        log.write(b"open\n")
        for number in numbers(seed):
            if kind == "gc":
                gc.collect(store, gc.Policy(max_size=1 << 20, grace=GRACE))
            else:
                realise(store, number)
            log.write(b"%d\n" % number)
