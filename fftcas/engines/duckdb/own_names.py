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


def refuse_hiding(connection: duckdb.DuckDBPyConnection, place: Place) -> None:
    """Raises EngineError if a macro or a type of the database hides one of DuckDB's own.

    Texts that name any other function or type of the database are known to do so: they run in every build.
    """
    size = connection.execute(
        "SELECT total_blocks, wal_size FROM pragma_database_size() WHERE database_name = ?", [place.database]
    )
    if size.fetchall() == [(0, "0 bytes")]:
        return  # a list of all functions takes as long as a small build
    found: list[Any] = connection.execute(FOUND, [place.database]).fetchall()
    for what, schema, name in found:
        raise EngineError(
            f"the {what} {schema}.{name} hides DuckDB's own '{name}': nobody could tell which models it changes",
            hint="give it another name; models that use it then run in every build",
        )
