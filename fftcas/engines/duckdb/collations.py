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


def collations(connection: duckdb.DuckDBPyConnection, quoted: str) -> dict[int, str]:
    """The collations of those columns of a relation that have one, by their place. Raises duckdb.Error."""
    found = _planned(connection, quoted)
    if found is None:
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {EMPTY} AS FROM {quoted} LIMIT 0")
        found = _planned(connection, f"temp.{EMPTY}")
        connection.execute(f"DROP TABLE temp.{EMPTY}")
    return found or {}


def _planned(connection: duckdb.DuckDBPyConnection, quoted: str) -> dict[int, str] | None:
    """What the plan says; None if DuckDB shows none, as of a view on files, or if it is nested too deeply."""
    (row,) = connection.execute("SELECT json_serialize_plan(?::VARCHAR)", [f"FROM {quoted}"]).fetchall()
    try:
        plan: Any = json.loads(row[0])
    except RecursionError:
        return None
    if plan.get("error"):
        return None
    types = [each["return_type"]["type_info"] or {} for each in plan["plans"][0]["expressions"]]
    return {i: kind["collation"] for i, kind in enumerate(types) if kind.get("collation")}


def drop_collations(connection: duckdb.DuckDBPyConnection, quoted: str) -> None:
    """Make all of a table's text plain text, which is equal if its bytes are. Raises duckdb.Error."""
    names = connection.sql(f"FROM {quoted}").columns
    for i in collations(connection, quoted):
        connection.execute(f"ALTER TABLE {quoted} ALTER {quote_name(names[i])} TYPE VARCHAR")


def collated(kind: str, collation: str | None) -> str:
    """The type of a column, in SQL."""
    return f"{kind} COLLATE {quote_name(collation)}" if collation else kind
