"""What this version of DuckDB brings along: functions that are not stable, and views of its catalogue."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

import duckdb

from fftcas.digest import digest_value
from fftcas.project.memory import Memory
from fftcas.version import __version__

RECORD = "built in"
"""Records of this kind hold what a version brings along, under the digest of its name and of the extensions in it."""

HARMLESS = frozenset({"error", "sleep_ms", "write_log", "stats", "vector_type"})
"""Called volatile so that they are not folded away; they give no values that differ between runs."""


@dataclass(frozen=True)
class BuiltIn:
    """Functions that are not called consistent, and macros on them; views of the catalogue. All in lower case."""

    unstable: frozenset[str]
    views: frozenset[str]

    @classmethod
    def recalled(cls, connection: duckdb.DuckDBPyConnection, memory: Memory) -> BuiltIn:
        """The same as `of`, found out once for each version: it makes a list of thousands of functions."""
        version = connection.execute("SELECT library_version, source_id FROM pragma_version()").fetchall()
        extensions = connection.execute(
            "SELECT extension_name, extension_version FROM duckdb_extensions() WHERE loaded ORDER BY ALL"
        ).fetchall()
        key = bytes.fromhex(digest_value("built in 1", [__version__, version, extensions]))
        (known,) = memory.get_records(RECORD, [key])
        if known is not None:
            unstable, views = json.loads(known)
            return cls(frozenset(unstable), frozenset(views))
        found = cls.of(connection)
        memory.put_records(RECORD, {key: json.dumps([sorted(found.unstable), sorted(found.views)]).encode()})
        return found

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
