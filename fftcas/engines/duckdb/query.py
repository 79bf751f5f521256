"""What a model's text has to be: one query, and nothing beside it."""

from __future__ import annotations

import re

import duckdb

from fftcas.engines.base import EngineError
from fftcas.engines.duckdb.errors import translated
from fftcas.engines.duckdb.reads import parse, writes

WRITING = re.compile(r"\b(insert|update|delete|merge)\b", re.IGNORECASE)
"""Words of which a text has at least one if it changes a table within a query."""


def check_query(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Raises EngineError unless the text is one query. (PIVOT comes as several statements, the query last.)"""
    with translated():
        kinds = [statement.type.name for statement in connection.extract_statements(sql)]
        changing = bool(WRITING.search(sql)) and any(map(writes, parse(connection, [sql])))
    queries = [kind for kind in kinds if kind in {"SELECT", "MULTI"}]
    if len(queries) != 1 or kinds[-1] != queries[0]:
        raise EngineError("a model is one SELECT statement", hint=f"this text holds: {', '.join(kinds) or 'nothing'}")
    if changing:
        raise EngineError(
            "a model is one SELECT statement", hint="this text changes a table within WITH, as far as one can tell"
        )
