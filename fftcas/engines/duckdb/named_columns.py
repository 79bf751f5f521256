"""Which columns a query reads that names each of them: what its binder came across, and nothing has to be proven.

A name finds the same column whether or not tables have others that nobody names; what no name finds is not read. So one
plan tells, where a `*` or a position would mean something else in every state of a table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb

from fftcas.engines.base import EngineError
from fftcas.engines.duckdb.columns import (
    ColumnsRead,
    Inputs,
    bound_columns,
    bound_plan,
    create_schemas,
    create_views,
    empty_table,
)
from fftcas.engines.duckdb.names import Place
from fftcas.relation import RelationName
from fftcas.table import Column


class NamedColumns:
    """Binds queries on empty tables, which stay: most tables are read more than once."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, place: Place) -> None:
        self._connection = connection
        self._place = place
        self._made: dict[str, tuple[Column, ...]] = {}
        self._schemas: set[str | None] = set()

    def read(self, sql: str, inputs: Inputs, views: Mapping[RelationName, str]) -> ColumnsRead | None:
        """The columns that the query reads of each input; None if DuckDB cannot tell."""
        try:
            self._make(inputs)
            plan = self._through(views, sql) if views else bound_plan(self._connection, sql)
        except (duckdb.Error, EngineError, ValueError, IndexError):
            return None
        if plan is None:
            return None
        bound = bound_columns(plan)
        full = {relation: self._place.full(relation) for relation in inputs}
        if not bound.keys() <= set(full.values()):
            return None
        return {relation: frozenset(bound.get(name, ())) for relation, name in full.items()}

    def _make(self, inputs: Inputs) -> None:
        for relation, columns in inputs.items():
            name = str(self._place.full(relation)).lower()
            if self._made.get(name) != columns:
                if relation.schema not in self._schemas:
                    create_schemas(self._connection, self._place, [relation])
                    self._schemas.add(relation.schema)
                self._connection.execute(empty_table(self._place, relation, columns))
                self._made[name] = columns

    def _through(self, views: Mapping[RelationName, str], sql: str) -> Sequence[dict[str, Any]] | None:
        """The bound plan of a query that reads through views."""
        self._connection.execute("BEGIN")
        try:
            create_schemas(self._connection, self._place, views)
            create_views(self._connection, self._place, views)
            return bound_plan(self._connection, sql)
        finally:
            self._connection.execute("ROLLBACK")
