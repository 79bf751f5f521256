"""What this version of DuckDB brings along: functions that are not stable, and views of its catalogue."""

from __future__ import annotations

import functools
import re

import duckdb

HARMLESS = frozenset({"error", "sleep_ms", "write_log", "stats", "vector_type"})
"""Called volatile so that they are not folded away; they give no values that differ between runs."""


@functools.cache
def unstable_functions() -> frozenset[str]:
    """The functions that this engine does not call consistent, and its macros on them, in lower case."""
    with duckdb.connect(":memory:") as connection:
        rows = connection.execute(
            "SELECT DISTINCT lower(function_name), macro_definition FROM duckdb_functions() "
            "WHERE macro_definition IS NOT NULL OR stability IN ('VOLATILE', 'CONSISTENT_WITHIN_QUERY')"
        ).fetchall()
    names = {name for name, macro in rows if macro is None}
    call = re.compile(rf"(?i)\b({'|'.join(map(re.escape, names))})\(")
    return frozenset(names | {name for name, macro in rows if macro and call.search(macro)}) - HARMLESS


@functools.cache
def internal_views() -> frozenset[str]:
    """The names of the catalogue's views, in lower case."""
    with duckdb.connect(":memory:") as connection:
        rows = connection.execute("SELECT lower(view_name) FROM duckdb_views() WHERE internal").fetchall()
    return frozenset(name for (name,) in rows)
