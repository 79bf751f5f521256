"""The text that is stored for a view."""

from __future__ import annotations

import json
from typing import Any

import duckdb

from fftcas.engines.base import EngineError
from fftcas.engines.duckdb.names import Place, quote_name
from fftcas.engines.duckdb.references import names_in, objects
from fftcas.project.sql_tokens import tokenise
from fftcas.relation import RelationName


def view_text(connection: duckdb.DuckDBPyConnection, place: Place, view: RelationName, sql: str) -> str:
    """A view's query, such that it works for whoever opens the file.

    DuckDB 2 drops the database's name from what it stores, so where a schema is called like the database it refuses
    to make views on that schema. A view in that very schema finds its tables by their bare names. Raises EngineError
    if a common table expression of the same name would catch one of them.
    """
    schema = str(place.full(view).schema)
    if schema.lower() != place.database.lower():
        return sql
    tokens = tokenise(sql)
    prefix = [quote_name(place.database), ".", quote_name(schema), "."]
    bare, end = [], 0
    for i in range(len(tokens)):
        if [token.text for token in tokens[i : i + 4]] == prefix:
            bare.append(sql[end : tokens[i].start])
            end = tokens[i + 3].end
    text = "".join([*bare, sql[end:]])
    if _count(connection, text) != _count(connection, sql):
        raise EngineError(
            "a common table expression has the name of a table that the view reads",
            hint=f"rename it; or call the database file otherwise than the schema '{schema}'",
        )
    return text


def _count(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    """How often the query names a relation."""
    rows: Any = connection.execute("SELECT json_serialize_sql(?::VARCHAR)", [sql]).fetchall()
    try:
        tree = json.loads(rows[0][0])
    except RecursionError:
        raise EngineError("the view's query is nested too deeply", hint="name parts of it, in WITH") from None
    return sum(1 for _ in names_in(tree, objects(tree)))
