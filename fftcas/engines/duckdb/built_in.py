"""What this version of DuckDB brings along: functions, those that are not stable, types, and views of its catalogue."""

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

CATALOGUE = re.compile(r"(?i)\b(duckdb|pragma)_\w+\(")
"""What a macro calls that reads the database's catalogue."""

PLANS = frozenset({"json_serialize_plan"})
"""Functions that look up what a text names."""

WITHOUT_PARENTHESES = frozenset(
    {"current_date", "current_time", "current_timestamp", "localtime", "localtimestamp", "current_schema"}
)
"""Calls that may do without."""


@dataclass(frozen=True)
class BuiltIn:
    """All in lower case. `functions` read nothing but their arguments; `unstable` are those that may give another value
    in another run, and macros on them. `views` are found by their bare names."""

    functions: frozenset[str]
    unstable: frozenset[str]
    types: frozenset[str]
    views: frozenset[str]

    @classmethod
    def recalled(cls, connection: duckdb.DuckDBPyConnection, memory: Memory) -> BuiltIn:
        """The same as `of`, found out once for each version: it makes a list of thousands of functions."""
        version = connection.execute("SELECT library_version, source_id FROM pragma_version()").fetchall()
        extensions = connection.execute(
            "SELECT extension_name, extension_version FROM duckdb_extensions() WHERE loaded ORDER BY ALL"
        ).fetchall()
        key = bytes.fromhex(digest_value("built in 3", [__version__, version, extensions]))
        (known,) = memory.get_records(RECORD, [key])
        if known is not None:
            return cls(*map(frozenset, json.loads(known)))
        found = cls.of(connection)
        names = [sorted(some) for some in (found.functions, found.unstable, found.types, found.views)]
        memory.put_records(RECORD, {key: json.dumps(names).encode()})
        return found

    @classmethod
    def of(cls, connection: duckdb.DuckDBPyConnection) -> BuiltIn:
        """What the version brings along that this connection, to a database without anything else, belongs to."""
        rows = connection.execute(
            "SELECT lower(function_name), string_agg(macro_definition, ' '), "
            "bool_or(stability = 'VOLATILE') OR bool_and(stability = 'CONSISTENT_WITHIN_QUERY') "
            "FROM duckdb_functions() GROUP BY ALL"
        ).fetchall()
        # Of a function that is consistent for some types only, the others depend on the time zone, which is fixed.
        names = {name for name, _, loose in rows if loose} - HARMLESS
        call = re.compile(rf"(?i)\b(({'|'.join(map(re.escape, names))})\(|({'|'.join(WITHOUT_PARENTHESES)})\b)")
        types = connection.execute("SELECT DISTINCT lower(type_name) FROM duckdb_types()").fetchall()
        views = connection.execute(
            "SELECT lower(view_name) FROM duckdb_views() WHERE internal AND schema_name <> 'information_schema'"
        ).fetchall()
        return cls(
            frozenset(name for name, macro, _ in rows if not (macro and CATALOGUE.search(macro))) - PLANS,
            frozenset(names | {name for name, macro, _ in rows if macro and call.search(macro)}),
            frozenset(name for (name,) in types),
            frozenset(name for (name,) in views),
        )
