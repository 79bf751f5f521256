"""What this version of DuckDB brings along: functions that are not stable, and views of its catalogue."""

from __future__ import annotations

import re
from dataclasses import dataclass

import duckdb

HARMLESS = frozenset({"error", "sleep_ms", "write_log", "stats", "vector_type"})
"""Called volatile so that they are not folded away; they give no values that differ between runs."""


@dataclass(frozen=True)
class BuiltIn:
    """Functions that are not called consistent, and macros on them; views of the catalogue. All in lower case."""

    unstable: frozenset[str]
    views: frozenset[str]

    @classmethod
    def of(cls, connection: duckdb.DuckDBPyConnection) -> BuiltIn:
        """What the version brings along that this connection, to a database without anything else, belongs to."""
        rows = connection.execute(
            "SELECT DISTINCT lower(function_name), macro_definition FROM duckdb_functions() "
            "WHERE macro_definition IS NOT NULL OR stability IN ('VOLATILE', 'CONSISTENT_WITHIN_QUERY')"
        ).fetchall()
        names = {name for name, macro in rows if macro is None}
        call = re.compile(rf"(?i)\b({'|'.join(map(re.escape, names))})\(")
        unstable = frozenset(names | {name for name, macro in rows if macro and call.search(macro)}) - HARMLESS
        views = connection.execute("SELECT lower(view_name) FROM duckdb_views() WHERE internal").fetchall()
        return cls(unstable, frozenset(name for (name,) in views))
