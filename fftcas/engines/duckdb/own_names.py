"""Functions and types of a database that are called like DuckDB's own: no text tells which of the two it means."""

from __future__ import annotations

from typing import Any

import duckdb

from fftcas.engines.base import EngineError
from fftcas.engines.duckdb.names import Place

FOUND = """
    WITH f AS MATERIALIZED (
        SELECT lower(function_name) AS n, schema_name AS s, internal, database_name AS d, 'macro' AS what
        FROM duckdb_functions()
        UNION ALL
        SELECT lower(type_name), schema_name, internal, database_name, 'type' FROM duckdb_types()
    )
    SELECT what, s, n FROM f WHERE NOT internal AND d = ? AND (what, n) IN (SELECT (what, n) FROM f WHERE internal)
    ORDER BY ALL LIMIT 1
"""


def is_empty(connection: duckdb.DuckDBPyConnection, place: Place) -> bool:
    """Whether nothing has been made in the database yet, so that nothing in it hides anything.

    It takes 1 ms, and `refuse_hiding` 40, as it has a list made of all functions.
    """
    size = connection.execute(
        "SELECT total_blocks, wal_size FROM pragma_database_size() WHERE database_name = ?", [place.database]
    )
    return size.fetchall() == [(0, "0 bytes")]


def refuse_hiding(connection: duckdb.DuckDBPyConnection, place: Place) -> None:
    """Raises EngineError if a macro or a type of the database hides one of DuckDB's own.

    Texts that name any other function or type of the database are known to do so: they run in every build.
    """
    found: list[Any] = connection.execute(FOUND, [place.database]).fetchall()
    for what, schema, name in found:
        raise EngineError(
            f"the {what} {schema}.{name} hides DuckDB's own '{name}': nobody could tell which models it changes",
            hint="give it another name; models that use it then run in every build",
        )
