"""Engines. An engine's driver is imported only when a database is opened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fftcas.digest import digest_bytes
from fftcas.engines.drivers import driver
from fftcas.errors import UsageError
from fftcas.project.profiles import duckdb_file
from fftcas.relation import RelationName

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from fftcas.engines.base import Binder, Engine
    from fftcas.project.memory import Memory
    from fftcas.table import Table
    from fftcas.table_diff import TableDiff

_HEADERS = 3 * 4096


def open_engine(name: str, options: Mapping[str, Any], *, read_only: bool = False) -> Engine:
    """Open a profile's target database; `read_only` changes nothing, and makes no database.

    Raises UsageError for an unknown engine or what is no database, EngineError if another process has it.
    """
    _only_duckdb(name)
    from fftcas.engines.duckdb.engine import DuckDBEngine

    return DuckDBEngine(options, read_only=read_only)


def open_binder(name: str, options: Mapping[str, Any], memory: Memory | None = None) -> Binder:
    """The binder of a profile's engine; the target database stays closed. Raises UsageError for an unknown engine.

    What holds for all databases of the engine's version is asked once, if there is a `memory`.
    """
    _only_duckdb(name)
    from fftcas.engines.duckdb.binder import DuckDBBinder

    return DuckDBBinder(options, memory)


def database_state(name: str, options: Mapping[str, Any]) -> str | None:
    """What changes whenever the database does, had without its engine; None if that cannot be told.

    For a DuckDB file: inode, size and times of the file, and of its write-ahead log if there is one; and how they
    begin, for file systems know times in steps of up to two seconds. Not to be asked while this process has the
    database open: closing a file ends all locks that the process has on it.
    """
    found = database_times(name, options)
    try:
        begin = [_beginning(path) for path in database_files(name, options) if found and path.exists()]
    except OSError:
        return None
    return f"{found} {digest_bytes(b''.join(begin))[:32]}" if found else None


def database_times(name: str, options: Mapping[str, Any]) -> str | None:
    """The state of a database, but for how its files begin: it may be asked at any time."""
    paths = database_files(name, options)
    try:
        files = [path.stat() for path in paths[:1]]
        with suppress(FileNotFoundError):
            files += [path.stat() for path in paths[1:]]
    except OSError:
        return None
    return " ".join(f"{f.st_dev}:{f.st_ino}:{f.st_size}:{f.st_mtime_ns}:{f.st_ctime_ns}" for f in files) or None


def _beginning(path: Path) -> bytes:
    """The bytes of a DuckDB file's headers, which count its checkpoints. Raises OSError."""
    with path.open("rb", buffering=0) as file:
        return file.read(_HEADERS)


def database_files(name: str, options: Mapping[str, Any]) -> list[Path]:
    """The files that change whenever the database does, the main one first; none if that cannot be told."""
    path = duckdb_file(options)
    return [Path(options["path"]), Path(f"{path}.wal")] if name == "duckdb" and path != ":memory:" else []


def same_rows(a: Table, b: Table) -> bool:
    """Whether two streams with equal columns hold the same rows, each as often, in whatever order. Exact."""
    from fftcas.engines.duckdb.compare import same_rows as same

    return same(a, b)


def near_rows(a: Table, b: Table) -> bool:
    """Whether two streams hold the same rows but for noise in floating point numbers."""
    from fftcas.engines.duckdb.compare import near_rows as near

    return near(a, b)


def diff_rows(old: Table, new: Table, samples: int = 3, key: Sequence[str] = ()) -> TableDiff:
    """What differs between two tables; both streams are read. Rows are matched by `key`, or by an evident one."""
    from fftcas.engines.duckdb.row_diff import diff_rows as diff

    return diff(old, new, samples, key)


def text_rows(table: Table, limit: int | None = None) -> list[tuple[str | None, ...]]:
    """A table's first rows with all values as text; the stream is read."""
    from fftcas.engines.duckdb.export import text_rows as rows

    return rows(table, limit)


def write_file(table: Table, path: str, form: str, limit: int | None = None) -> None:
    """Write a table to a file as csv, json, parquet or arrow. Raises EngineError or OSError."""
    from fftcas.engines.duckdb.export import write_file as write

    write(table, path, form, limit)


def typed_rows(data: pa.Table, types: Mapping[str, str]) -> Table:
    """The table that DuckDB makes of a seed's rows, without a database. Raises EngineError for a value of no type."""
    from fftcas.engines.duckdb.engine import DuckDBEngine

    engine = DuckDBEngine({"path": ":memory:"})
    try:
        with engine.session() as session:
            table = session.read(session.stage_arrow(RelationName("rows"), data, types))
            return replace(table, batches=iter(list(table.batches)))
    finally:
        engine.close()


def detached_frame(name: str, table: Table) -> pd.DataFrame:
    """The frame that `Session.frame` gives of a relation, made without its database of what `Session.read` gives of it.

    Raises EngineError if a database of its own cannot hold the table.
    """
    engine = open_engine(name, {"path": ":memory:"})
    try:
        with engine.session() as session:
            return session.frame(session.stage_table(RelationName("frame"), table))
    finally:
        engine.close()


def _only_duckdb(name: str) -> None:
    driver(name)
    if name != "duckdb":
        raise UsageError(f"the engine '{name}' comes in a later version", hint="use a profile with engine: duckdb")
