"""DuckDB's parser and binder, asked on an empty database in memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import duckdb

from fftcas.engines.base import Query, Reads, Unstable
from fftcas.engines.duckdb import columns, reads, unstable
from fftcas.engines.duckdb.built_in import BuiltIn
from fftcas.engines.duckdb.errors import interruptible, translated
from fftcas.engines.duckdb.named_columns import NamedColumns
from fftcas.engines.duckdb.names import Place, quote_name
from fftcas.engines.duckdb.reads import Parsed
from fftcas.project.memory import Memory
from fftcas.relation import RelationName


class DuckDBBinder:
    """See `fftcas.engines.base.Binder`. Calls from several threads take turns."""

    def __init__(self, options: Mapping[str, Any], memory: Memory | None = None) -> None:
        self._memory = memory
        self._place = Place.of(options)
        self._lock = threading.Lock()
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._named: NamedColumns | None = None
        self._parsed: dict[str, Parsed] = {}
        """What was parsed last."""

    def quote(self, relation: RelationName) -> str:
        return self._place.quote(relation)

    def quote_column(self, name: str) -> str:
        return quote_name(name)

    def columns_read(self, queries: Sequence[Query]) -> list[columns.ColumnsRead]:
        with self._connected() as connection:
            self._named = self._named or NamedColumns(connection, self._place)
            found = iter(self._named.read([query for query in queries if query.named]))
            answers = [next(found) if query.named else None for query in queries]
            return [
                columns.columns_read(connection, self._place, query) if answer is None else answer
                for query, answer in zip(queries, answers, strict=True)
            ]

    def parse(self, queries: Sequence[str]) -> None:
        with translated(), self._connected() as connection:
            self._parsed = {parsed.sql: parsed for parsed in reads.parse(connection, queries)}

    def reads(self, sql: str) -> Reads:
        return reads.reads(self._parsed_of(sql), self._built_in)

    def unstable(self, sql: str) -> list[Unstable]:
        return unstable.unstable(self._parsed_of(sql), self._built_in)

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = self._named = None

    def _parsed_of(self, sql: str) -> Parsed:
        """A query's parse tree. Raises EngineError."""
        parsed = self._parsed.get(sql)
        if parsed is None:
            with translated(), self._connected() as connection:
                (parsed,) = reads.parse(connection, [sql])
            self._parsed = {sql: parsed}
        return parsed

    @cached_property
    def _built_in(self) -> BuiltIn:
        with self._connected() as connection:
            return BuiltIn.of(connection) if self._memory is None else BuiltIn.recalled(connection, self._memory)

    @contextmanager
    def _connected(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._lock, interruptible():
            if self._connection is None:
                self._connection = _empty_database(self._place)
            yield self._connection


def _empty_database(place: Place) -> duckdb.DuckDBPyConnection:
    """A database in memory, in which names mean what they mean in the target database."""
    connection = duckdb.connect(":memory:")
    if place.database != "memory":
        connection.execute(f"ATTACH ':memory:' AS {quote_name(place.database)}")
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {place.quote_schema(place.schema)}")
    connection.execute(f"USE {place.quote_schema(place.schema)}")
    connection.execute("SET TimeZone = 'UTC'")
    columns.switch_off_optimizers(connection)
    return connection
