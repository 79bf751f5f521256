"""The DuckDB engine: opens a database file and hands out sessions on it."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from fftcas.digest import Digest
from fftcas.engines.base import EngineError
from fftcas.engines.drivers import engine_version
from fftcas.engines.duckdb import meta
from fftcas.engines.duckdb.catalogue import Catalogue
from fftcas.engines.duckdb.errors import translated
from fftcas.engines.duckdb.fingerprint import fingerprint, marker
from fftcas.engines.duckdb.names import Place
from fftcas.engines.duckdb.own_names import is_empty, refuse_hiding
from fftcas.engines.duckdb.reading import cursor, describe
from fftcas.engines.duckdb.session import DuckDBSession
from fftcas.engines.duckdb.threads import Threads
from fftcas.errors import ProjectError
from fftcas.project.profiles import duckdb_file
from fftcas.relation import RelationName, Stamp
from fftcas.table import Column

WAIT_SECONDS = 5.0

SQLITE = b"SQLite format 3\0"
"""How SQLite's files begin."""


class DuckDBEngine:
    """See `fftcas.engines.base.Engine`. Options: `path` (absolute, or `:memory:`) and `schema`.

    FFT's option `catalog` is accepted and has no effect, as in FFT: the file's stem names the database.
    """

    name = "duckdb"

    def __init__(self, options: Mapping[str, Any], *, read_only: bool = False) -> None:
        self.version = engine_version(self.name)
        path = duckdb_file(options)
        if read_only and not Path(path).exists():
            path = ":memory:"  # an empty database holds what one that is not there holds
        self._connection = _connect(path, read_only=read_only and path != ":memory:")
        self._place = Place.of(options)
        self._connection.execute("SET GLOBAL TimeZone = 'UTC'")  # for all cursors, whatever the machine's
        self._connection.execute("SET preserve_insertion_order = true")
        self._was_empty = path == ":memory:" or is_empty(self._connection, self._place)
        self._threads = Threads(self._connection)
        self._publishing = threading.Lock()
        self._idle: list[DuckDBSession] = []
        """Sessions that nobody uses: each node needs one for a moment."""
        self._catalogue = Catalogue(self._connection.cursor, self._place)

    def quote(self, relation: RelationName) -> str:
        return self._place.quote(relation)

    def prepare(self, schemas: Sequence[str]) -> None:
        with translated():
            for schema in {self._place.schema, *schemas}:
                self._connection.execute(f"CREATE SCHEMA IF NOT EXISTS {self._place.quote_schema(schema)}")
            meta.create(self._connection, self._place)

    def stamps(self) -> Mapping[RelationName, Stamp]:
        with translated(), self._cursor() as connection:
            if not self._was_empty:  # else all that is in it has come from here
                refuse_hiding(connection, self._place)
            return meta.read(connection, self._place)

    def keep_view_texts(self, views: Sequence[RelationName]) -> None:
        with translated(), self._cursor() as connection:
            meta.keep_texts(connection, self._place, views)

    @contextmanager
    def session(self, *, one_thread: bool = False) -> Iterator[DuckDBSession]:
        try:
            session = self._idle.pop()
        except IndexError:
            session = DuckDBSession(self._connection, self._place, self._catalogue, self._publishing)
        try:
            with self._threads.one() if one_thread else self._threads.all():
                yield session
            session.discard()
        except BaseException:
            session.close()
            raise
        self._idle.append(session)

    def describe(self, relation: RelationName) -> tuple[Column, ...] | None:
        if self._catalogue.kind(relation) is None:
            return None
        with self._cursor() as connection:
            return describe(connection, self._place, relation, collates=self._catalogue.collates)

    def is_view(self, relation: RelationName) -> bool:
        return self._catalogue.kind(relation) == "VIEW"

    def fingerprint(self, relation: RelationName, columns: Sequence[str] | None = None) -> Digest:
        found = self.describe(relation)
        if found is None:
            raise EngineError(f"there is no relation {relation}")
        wanted = [column for column in found if columns is None or column.name in columns]
        with self._threads.all(), self._cursor() as connection:
            return fingerprint(connection, self.quote(relation), wanted)

    def marker(self, relation: RelationName, column: str) -> Digest:
        with self._threads.all(), self._cursor() as connection:
            return marker(connection, self.quote(relation), column)

    def close(self) -> None:
        with translated():
            while self._idle:
                self._idle.pop().close()
            self._connection.close()

    @contextmanager
    def _cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        made = cursor(self._connection, self._place)
        try:
            yield made
        finally:
            made.close()


def _connect(path: str, *, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    """Open the database, waiting a little for another process that has it.

    Raises ProjectError if it is none, EngineError that names the holder if another process has it.
    """
    if path != ":memory:" and not read_only:
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ProjectError(f"cannot make the directory of the database {path}", why=error.strerror) from error
    # A name that no table has must not find a data frame among the variables of whoever called us.
    config: dict[str, Any] = {"python_enable_replacements": False}
    if _is_sqlite(path):
        config["autoinstall_known_extensions"] = False  # the extension is used if it is there, and not fetched
    until = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            return duckdb.connect(path, read_only=read_only, config=config)
        except duckdb.Error as error:
            if "set lock" not in str(error):
                raise _refused(path, error) from error
            if time.monotonic() >= until:
                raise _held(path, error) from error
        time.sleep(0.1)


def _is_sqlite(path: str) -> bool:
    try:
        with Path(path).open("rb") as file:
            return file.read(len(SQLITE)) == SQLITE
    except OSError:  # not there yet, or nothing that could be read
        return False


def _refused(path: str, error: duckdb.Error) -> ProjectError:
    why = "it is an SQLite database, not one of DuckDB" if _is_sqlite(path) else str(error).strip()
    hint = "name another file, or remove this one if nothing in it is needed: the next build makes it anew"
    if Path(path).is_dir():
        hint = "name a file in that directory"
    return ProjectError(f"the database {path} cannot be opened", why=why, hint=hint if Path(path).exists() else None)


def _held(path: str, error: duckdb.Error) -> EngineError:
    holder = re.search(r"held in (.*?)\(?PID (\d+)\)?", str(error))
    who = f"process {holder[2]} ({holder[1].strip() or 'unknown program'})" if holder else "another process"
    stop = f"or end it: kill {holder[2]}" if holder else "or end it"
    return EngineError(
        f"{who} has the database {path} open; DuckDB lets only one process write",
        hint=f"wait until it is done, close the program that has the file open, {stop}",
    )
