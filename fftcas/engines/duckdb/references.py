"""What a SQL text refers to by name: relations, files, and functions that are not stable."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import duckdb

from fftcas.engines.base import EngineError, Reads, Unstable
from fftcas.project.sql_tokens import tokenise
from fftcas.relation import RelationName

FILE_FUNCTIONS = frozenset(
    {"read_csv", "read_csv_auto", "sniff_csv", "read_parquet", "parquet_scan", "read_text", "read_blob", "glob"}
    | {"read_json", "read_json_auto", "read_json_objects", "read_json_objects_auto"}
    | {"read_ndjson", "read_ndjson_auto", "read_ndjson_objects"}
)
FILE_NAME = re.compile(r".*\.(parquet|csv|tsv|json|jsonl|ndjson)(\.gz|\.zst)?|.*://.*", re.IGNORECASE)
WITHOUT_PARENTHESES = frozenset(
    {"current_date", "current_time", "current_timestamp", "localtime", "localtimestamp", "current_schema"}
)
HARMLESS = frozenset({"error", "sleep_ms", "write_log", "stats", "vector_type"})
"""Called volatile so that they are not folded away; they give no values that differ between runs."""


def reads(connection: duckdb.DuckDBPyConnection, sql: str) -> Reads:
    """The relations and files that a query names, from the engine's parse tree. Raises EngineError, duckdb.Error.

    It cannot be told for what is no single SELECT to DuckDB: PIVOT without IN is two statements.
    """
    rows: Any = connection.execute("SELECT json_serialize_sql(?::VARCHAR)", [sql]).fetchall()
    tree = json.loads(rows[0][0])
    if tree.get("error"):
        raise EngineError(str(tree.get("error_message", "the statement does not parse")))
    relations: set[RelationName] = set()
    files: set[str] = set()
    for name in names_in(tree):
        if isinstance(name, str):
            files.add(name)
        elif name.schema is None and FILE_NAME.fullmatch(name.name):
            files.add(name.name)
        else:
            relations.add(name)
    return Reads(frozenset(relations), frozenset(files))


def unstable_names(connection: duckdb.DuckDBPyConnection) -> frozenset[str]:
    """The functions that this engine does not call consistent, and its macros on them."""
    rows = connection.execute(
        """
        WITH unstable AS (
            SELECT DISTINCT lower(function_name) AS name FROM duckdb_functions()
            WHERE stability IN ('VOLATILE', 'CONSISTENT_WITHIN_QUERY')
        )
        FROM unstable
        UNION
        SELECT lower(function_name) FROM duckdb_functions()
        WHERE macro_definition IS NOT NULL AND regexp_matches(
            lower(macro_definition), (SELECT '\\b(' || string_agg(name, '|') || ')\\(' FROM unstable)
        )
        """
    ).fetchall()
    return frozenset(str(name) for (name,) in rows) - HARMLESS


def unstable_calls(sql: str, unstable: frozenset[str]) -> list[Unstable]:
    """Where the text calls one of these functions."""
    tokens = tokenise(sql)
    texts = [token.text for token in tokens]
    calls: list[Unstable] = []
    for token, after in zip(tokens, [*texts[1:], ""], strict=True):
        name = token.text.strip('"').lower()
        called = name in unstable and after == "(" and token.kind in {"name", "quoted"}
        if called or (name in WITHOUT_PARENTHESES and token.kind == "name"):
            calls.append(Unstable(name, sql.count("\n", 0, token.start) + 1))
    return calls


def names_in(node: Any, known: frozenset[str] = frozenset()) -> Iterator[RelationName | str]:
    """Relations and, as bare strings, files in a parse tree; `known` are the common table expressions in sight."""
    if isinstance(node, list):
        for part in node:
            yield from names_in(part, known)
        return
    if not isinstance(node, dict):
        return
    kind = str(node.get("type"))
    if kind in {"BASE_TABLE", "SHOW_REF"} and node.get("table_name"):
        name, schema, database = (node.get(f"{part}_name") or None for part in ("table", "schema", "catalog"))
        if schema is not None or str(name).lower() not in known:
            yield RelationName(str(name), schema, database)
    elif kind == "TABLE_FUNCTION" and str(node["function"].get("function_name")).lower() in FILE_FUNCTIONS:
        yield from _first_strings(node["function"])
    if kind in {"CTE_NODE", "RECURSIVE_CTE_NODE"}:
        inner = known | {str(node.get("cte_name")).lower()}
        for key, part in node.items():
            yield from names_in(part, known if key == "query" else inner)
        return
    for entry in (node.get("cte_map") or {}).get("map", []):
        yield from names_in(entry["value"], known)
        known = known | {str(entry["key"]).lower()}
    for key, part in node.items():
        if key != "cte_map":
            yield from names_in(part, known)


def _first_strings(function: dict[str, Any]) -> Iterator[str]:
    """The string, or list of strings, that a function is called with first."""
    arguments = function.get("children") or function.get("arguments") or []
    first = arguments[0].get("expression", arguments[0]) if arguments else {}
    if first.get("class") == "FUNCTION":  # list_value
        for argument in first.get("children") or first.get("arguments") or []:
            yield from _first_strings({"children": [argument]})
    text = (first.get("value") or {}).get("value", (first.get("literal") or {}).get("text"))
    if isinstance(text, str):
        yield text
