"""Collations of columns: they decide what is equal, in whatever reads a table, and are no part of what is stored."""

from __future__ import annotations

import json
import re
from typing import Any

import duckdb

from fftcas.engines.duckdb.names import quote_name

SOURCES = re.compile("collate|duckdb", re.IGNORECASE)
"""What a text has in it that gives columns a collation although no relation of the database has one: it says so
itself, or reads another database."""

EMPTY = "__fftcas_empty"
"""A table without rows in which columns are what they are elsewhere."""


def collations(connection: duckdb.DuckDBPyConnection, quoted: str) -> list[str]:
    """The collation of each column of a relation, in SQL, or nothing. Raises duckdb.Error."""
    found = _planned(connection, quoted)
    if found is None:
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {EMPTY} AS FROM {quoted} LIMIT 0")
        found = _planned(connection, f"temp.{EMPTY}")
        connection.execute(f"DROP TABLE temp.{EMPTY}")
    return found or []


def _planned(connection: duckdb.DuckDBPyConnection, quoted: str) -> list[str] | None:
    """What the plan says; None if DuckDB shows none, as of a view on files, or if it is nested too deeply."""
    (row,) = connection.execute("SELECT json_serialize_plan(?::VARCHAR)", [f"FROM {quoted}"]).fetchall()
    try:
        plan: Any = json.loads(row[0])
    except RecursionError:
        return None
    if plan.get("error"):
        return None
    types = [each["return_type"] for each in plan["plans"][0]["expressions"]]
    return [(kind["type_info"] or {}).get("collation") or "" for kind in types]


def drop_collations(connection: duckdb.DuckDBPyConnection, quoted: str) -> None:
    """Make all of a table's text plain text, which is equal if its bytes are. Raises duckdb.Error."""
    names = connection.sql(f"FROM {quoted}").columns
    for name, collation in zip(names, collations(connection, quoted), strict=True):
        if collation:
            connection.execute(f"ALTER TABLE {quoted} ALTER {quote_name(name)} TYPE VARCHAR")


def collated(kind: str, collation: str) -> str:
    """The type of a column, in SQL."""
    return f"{kind} COLLATE {quote_name(collation)}" if collation else kind
