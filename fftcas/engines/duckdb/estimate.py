"""What a query will read: the columns that its plan scans, sized by DuckDB's own statistics.

A table's column counts with its rows times the width of its type, and for texts with the length of them all (DuckDB
below 2.0 knows only the longest one: rows times that). Whole columns count, whatever filters and limits may spare, so
the estimate errs upwards. A column is counted for each scan. Files that a query reads count 16 bytes for each value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import duckdb

from fftcas.engines.base import Estimate, Scan
from fftcas.engines.duckdb.names import Place, quote_name

WIDTHS = {
    **dict.fromkeys(("BOOLEAN", "TINYINT", "UTINYINT"), 1),
    **dict.fromkeys(("SMALLINT", "USMALLINT"), 2),
    **dict.fromkeys(("INTEGER", "UINTEGER", "FLOAT", "DATE", "ENUM"), 4),
    **dict.fromkeys(("HUGEINT", "UHUGEINT", "DECIMAL", "UUID", "INTERVAL"), 16),
    **dict.fromkeys(("VARCHAR", "BLOB", "BIT", "JSON"), 4),  # an offset; the bytes come on top
}
"""Bytes of a value by type; other types, those in a nested type and the nested value itself take 8."""
TEXTS = re.compile(r"VARCHAR|BLOB|BIT|JSON")
UNKNOWN_TEXT = 64
FILE_VALUE = 16


def estimate(connection: duckdb.DuckDBPyConnection, place: Place, sql: str) -> Estimate:
    """What the statement would read. Raises duckdb.Error if it cannot be planned."""
    rows = connection.execute(f"EXPLAIN (FORMAT JSON)\n{sql}").fetchall()
    scans = [scan for plan in json.loads(rows[-1][1]) for scan in _scans(connection, place, plan)]
    return Estimate(tuple(sorted(scans, key=lambda scan: -scan.bytes)))


def _scans(connection: duckdb.DuckDBPyConnection, place: Place, plan: dict[str, Any]) -> Iterator[Scan]:
    nodes = [plan]
    while nodes:
        node = nodes.pop()
        nodes += node.get("children", ())
        facts = node.get("extra_info", {})
        if "Table" in facts:
            yield _table_scan(connection, place, facts)
        elif "Function" in facts and "Projections" in facts:
            columns = _list(facts["Projections"])
            rows = int(facts.get("Estimated Cardinality", 0))
            yield Scan(str(facts["Function"]).lower(), tuple(columns), rows * len(columns) * FILE_VALUE)


def _table_scan(connection: duckdb.DuckDBPyConnection, place: Place, facts: dict[str, Any]) -> Scan:
    # The plan quotes odd names, and below 2.0 leaves out their schema: then ours is the first guess.
    found = connection.execute(
        """
        SELECT database_name, schema_name, table_name, estimated_size FROM duckdb_tables()
        WHERE $name IN (table_name, replace(concat_ws('.', database_name, schema_name, table_name), '"', ''))
        ORDER BY database_name != $database, schema_name != $schema LIMIT 1
        """,
        {"name": str(facts["Table"]).replace('"', ""), "database": place.database, "schema": place.schema},
    ).fetchone()
    if found is None:
        return Scan(str(facts["Table"]), tuple(_list(facts.get("Projections", []))), 0)
    *parts, rows = found
    types = connection.execute(
        "SELECT column_name, data_type FROM duckdb_columns() "
        "WHERE database_name = ? AND schema_name = ? AND table_name = ? ORDER BY column_index",
        parts,
    ).fetchall()
    projections, filters = _list(facts.get("Projections", [])), " ".join(_list(facts.get("Filters", [])))
    read = {name: kind for name, kind in types if _is_read(name, projections, filters)}
    texts = _texts(connection, parts, int(rows), [name for name, kind in read.items() if TEXTS.search(kind)])
    size = sum(int(rows) * _width(kind) for kind in read.values()) + texts
    relation = ".".join(parts[1:] if parts[0] == place.database else parts)
    return Scan(relation, tuple(read), size)


def _is_read(name: str, projections: list[str], filters: str) -> bool:
    """Whether a scan returns the column, or a field of it, or filters by it."""
    if any(projection == name or projection.startswith(f"{name}.") for projection in projections):
        return True
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", filters) is not None


def _texts(connection: duckdb.DuckDBPyConnection, parts: list[str], rows: int, names: list[str]) -> int:
    """The bytes of all texts in some columns of a table."""
    if not rows or not names:
        return 0
    table = ".".join(map(quote_name, parts))
    try:
        statistics = connection.execute(
            f"SELECT {', '.join(f'stats({quote_name(name)})' for name in names)} FROM {table} LIMIT 1"
        ).fetchone()
    except duckdb.Error:  # tables of attached databases have none
        statistics = None
    return sum(_length(found, rows) for found in statistics or [None] * len(names))


def _length(statistics: Any, rows: int) -> int:
    """The bytes of a column's texts from its statistics: values by name, or below 2.0 a line of text."""
    if isinstance(statistics, dict):
        own = statistics.get("total_string_length") or 0
        return int(own) + sum(_length(inner, rows) for inner in statistics.values() if isinstance(inner, dict))
    longest = re.findall(r"Has Unicode: \w+, Max String Length: (\d+)\]", str(statistics))
    return rows * (sum(map(int, longest)) if longest else UNKNOWN_TEXT)


def _width(kind: str) -> int:
    words = re.findall(r"[A-Z]+", re.sub(r'"(?:[^"]|"")*"', "", kind))
    simple = len(words) == 1 and "[" not in kind
    return WIDTHS.get(words[0], 8) if simple else 8 + sum(WIDTHS.get(word, 0) for word in words)


def _list(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
