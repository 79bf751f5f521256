"""Which columns queries read that name each of them: what their binder came across, and nothing has to be proven.

A name finds the same column whether or not tables have others that nobody names; what no name finds is not read. So one
plan tells, where a `*` or a position would mean something else in every state of a table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import duckdb

from fftcas.engines.base import EngineError, Query
from fftcas.engines.duckdb.columns import (
    ColumnsRead,
    bound_columns,
    bound_plan,
    bound_plans,
    create_schemas,
    create_views,
    empty_table,
)
from fftcas.engines.duckdb.names import Place
from fftcas.relation import RelationName
from fftcas.table import Column

TOGETHER = 64
"""Queries that are bound at once, at most."""

LENGTH = 1 << 17
"""Characters of all of these: plans are many times as long."""

Tables = dict[str, tuple[RelationName, tuple[Column, ...]]]
"""What tables are to be called, in small letters, and their columns."""
Plan = Sequence[dict[str, Any]]


class NamedColumns:
    """Binds queries on empty tables, which stay: most tables are read more than once."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, place: Place) -> None:
        self._connection = connection
        self._place = place
        self._made: Tables = {}
        self._schemas: set[str | None] = set()

    def read(self, queries: Sequence[Query]) -> list[ColumnsRead | None]:
        """The columns that each query reads of each of its inputs; None if DuckDB cannot tell."""
        found: list[ColumnsRead | None] = []
        for some, tables in self._groups(queries):
            try:
                self._make(some, tables)
                found += self._seen_at_once(some)
            except (duckdb.Error, EngineError, ValueError, IndexError, RecursionError):  # whichever of them it is
                found += [None] if len(some) == 1 else [answer for query in some for answer in self.read([query])]
        return found

    def _seen_at_once(self, queries: Sequence[Query]) -> list[ColumnsRead | None]:
        """The columns that plans tell of, which are not kept: each may be large. Raises duckdb.Error and ValueError."""
        if queries[0].views:
            (query,) = queries
            return [self._seen(query, self._through(query))]
        plans = bound_plans(self._connection, [query.sql for query in queries])
        return [self._seen(query, plan) for query, plan in zip(queries, plans, strict=True)]

    def _groups(self, queries: Sequence[Query]) -> Iterator[tuple[list[Query], Tables]]:
        """Queries that can be bound at once, with the tables that they need: a name stands for one table only."""
        some: list[Query] = []
        tables: Tables = {}
        length = 0
        for query in queries:
            needed = {str(self._place.full(name)).lower(): (name, columns) for name, columns in query.inputs.items()}
            apart = query.views or any(tables.get(name, table) != table for name, table in needed.items())
            full = len(some) == TOGETHER or length + len(query.sql) > LENGTH
            if some and (apart or some[0].views or full):
                yield some, tables
                some, tables, length = [], {}, 0
            some.append(query)
            length += len(query.sql)
            tables |= needed
        if some:
            yield some, tables

    def _make(self, queries: Sequence[Query], tables: Tables) -> None:
        schemas = {relation.schema: relation for query in queries for relation in query.inputs}
        new_schemas = [relation for name, relation in schemas.items() if name not in self._schemas]
        create_schemas(self._connection, self._place, new_schemas)
        self._schemas |= schemas.keys()
        new = {name: table for name, table in tables.items() if self._made.pop(name, None) != table}
        if new:
            self._connection.execute(";\n".join(empty_table(self._place, *table) for table in new.values()))
        self._made |= tables

    def _seen(self, query: Query, plan: Plan | None) -> ColumnsRead | None:
        """The columns that a plan tells of."""
        if plan is None:
            return None
        bound: dict[str, set[str]] = {}
        for name, columns in bound_columns(plan).items():  # spelled as whoever made the schema or the table did
            bound.setdefault(str(name).lower(), set()).update(columns)
        full = {relation: str(self._place.full(relation)).lower() for relation in query.inputs}
        if not bound.keys() <= set(full.values()):
            return None
        return {relation: frozenset(bound.get(name, ())) for relation, name in full.items()}

    def _through(self, query: Query) -> Plan | None:
        """The bound plan of a query that reads through views."""
        self._connection.execute("BEGIN")
        try:
            create_schemas(self._connection, self._place, query.views)
            create_views(self._connection, self._place, query.views)
            return bound_plan(self._connection, query.sql)
        finally:
            self._connection.execute("ROLLBACK")
