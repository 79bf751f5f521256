"""How dear the store is, beside what DuckDB itself does: `python tests/benchmarks/store.py [ROWS] [FOLDER]`.

Prints ratios within one run: storing a table against the `CREATE TABLE AS` that made it, restoring it against
DuckDB's own copy, and the bytes that an edit adds as a share of the first store; and the peak of memory.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from fftcas.engines.duckdb.arrow import insert_stream
from fftcas.store import Store, measure_table
from fftcas.store.blobs import BLOB
from fftcas.table import Column, Manifest, Table

ROUNDS = 3
ROWS = 1 << 18  # of a batch of the stream that memory is measured with
MAKE = """create or replace table a as select i::int id, (hash(i) % 100000)::bigint user_id,
    (i * 7919 % 1000003) / 100.0::double amount, ((i * 31) % 100000 / 100)::decimal(18, 2) price,
    'user' || (hash(i) % 100000) || '@example.com' email,
    timestamp '2024-01-01' + interval (i % 31536000) second made_at from range({rows}) s(i)"""
EDITS = {
    "column added": ("from (select *, id % 7 seven from a)", 0.02),
    "5 % of rows appended": (
        "from a union all (select * replace ((id + {rows})::int as id) from a limit {rows} // 20)",
        0.09,
    ),
    "last 1 % of rows updated": (
        "select * replace (if(id >= {rows} * 0.99, amount + 1, amount) as amount) from a",
        0.03,
    ),
}


def read(connection: duckdb.DuckDBPyConnection, sql: str) -> Table:
    relation = connection.sql(sql)
    reader = relation.to_arrow_reader(1 << 19)
    columns = tuple(Column(*each) for each in zip(relation.columns, map(str, relation.types), strict=True))
    return Table(columns, reader.schema, iter(reader))


def best(work: Callable[[], object]) -> float:
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def stored(store: Store) -> int:
    return sum(store.blobs.scan(BLOB, lambda key, value: len(value)))


def anonymous() -> int:
    """MiB of memory that is not a mapped file."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) >> 10


def stream(rows: int) -> Iterator[pa.RecordBatch]:
    """Batches that cost nothing to make: the same numbers and words, a little apart each time."""
    words = pa.array([f"user{number}@example.com" for number in range(ROWS)])
    for start in range(0, rows, ROWS):
        ids = pa.array(range(start, start + ROWS))
        yield pa.record_batch(
            [ids, pc.multiply(ids, 7919), pc.divide(ids, 7.0), words], ["id", "user", "amount", "email"]
        )


def memory(folder: Path, rows: int) -> tuple[int, int]:
    """The most memory that writing and reading take above what lay there before, looked at after every batch."""
    peaks = [0, 0]

    def watched(batches: Iterable[pa.RecordBatch], which: int) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            peaks[which] = max(peaks[which], anonymous())
            yield batch

    before = max(anonymous() for _ in stream(ROWS))
    schema = next(stream(1)).schema
    columns = tuple(Column(name, "ANY") for name in schema.names)
    with Store.open(folder / "memory") as store:
        manifest = store.write_table(Table(columns, schema, watched(stream(rows), 0)))
        for _ in watched(store.read_table(manifest).batches, 1):
            pass
    return peaks[0] - before, peaks[1] - before


def main(rows: int, folder: Path) -> None:
    print(
        "memory for {:,} rows: {} MiB to write, {} MiB to read    (to reach 300)".format(
            2 * rows, *memory(folder, 2 * rows)
        )
    )
    connection = duckdb.connect(str(folder / "bench.duckdb"), config={"memory_limit": "2GB"})
    made = best(lambda: connection.execute(MAKE.format(rows=rows)))
    copied = best(lambda: connection.execute("create or replace table b as from a"))

    def store_once() -> Manifest:
        shutil.rmtree(folder / "store", ignore_errors=True)
        with Store.open(folder / "store") as store:
            return store.write_table(read(connection, "from a"))

    storing = best(store_once)
    with Store.open(folder / "store") as store:
        manifest = measure_table(read(connection, "from a"))

        def restore() -> None:
            table = store.read_table(manifest)
            insert_stream(connection, "create or replace table c as from", table, table.schema.names)

        restoring = best(restore)
        again = best(lambda: store.write_table(read(connection, "from a")))
        print(f"{rows:,} rows, {manifest.size >> 20} MiB of Arrow in {stored(store) >> 20} MiB")
        print(f"create table as       {made:6.2f} s")
        print(f"store / create        {storing / made:6.2f}    (to reach 0.35)   stored again {again / made:.2f}")
        print(f"restore / copy        {restoring / copied:6.2f}    (to reach 1.15)")
        first = stored(store)
        for what, (sql, goal) in EDITS.items():
            size = stored(store)
            store.write_table(read(connection, sql.format(rows=rows)))
            print(f"{what:22}{(stored(store) - size) / first:6.1%}    (to reach {goal:.0%})")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=sys.argv[2] if len(sys.argv) > 2 else None) as place:
        main(int(float(sys.argv[1])) if len(sys.argv) > 1 else 10_000_000, Path(place))
