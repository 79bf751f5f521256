"""What a parse tree refers to by name: relations, files, functions, types, and what nobody can follow."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from fftcas.relation import RelationName

FILE_FUNCTIONS = frozenset(
    {"read_csv", "read_csv_auto", "sniff_csv", "read_parquet", "parquet_scan", "read_text", "read_blob", "glob"}
    | {"read_json", "read_json_auto", "read_json_objects", "read_json_objects_auto"}
    | {"read_ndjson", "read_ndjson_auto", "read_ndjson_objects", "read_duckdb"}
    | {"parquet_metadata", "parquet_schema", "parquet_file_metadata", "parquet_kv_metadata", "parquet_full_metadata"}
)
DATED_FUNCTIONS = frozenset({"read_text", "read_blob"})
"""Those of them that have columns `filename` and `last_modified`; others tell a `filename` where it is asked for."""

TELLING_FUNCTIONS = frozenset({each for each in FILE_FUNCTIONS if each.startswith("parquet_")} | {"glob", "sniff_csv"})
"""Those of them that tell where the files are, whatever is selected."""

CLOSED_FUNCTIONS = frozenset(
    {"range", "generate_series", "unnest", "repeat", "repeat_row", "json_each", "json_tree", "test_all_types"}
)
"""Table functions that read nothing but their arguments."""

EVERYTHING = "__show_tables_expanded"
"""What parse trees call the table that SHOW ALL TABLES, DESCRIBE and SHOW list."""

KEYS = "the keys and defaults in DESCRIBE"
"""They are no part of a table's content; DESCRIBE shows them through views and queries, too."""

EXPRESSION_NODES = ("CTE_NODE", "RECURSIVE_CTE_NODE")

BRANCHES = frozenset({dict, list})


@dataclass(frozen=True)
class File:
    """A file, or a pattern of files, as the text spells it, and the function that reads it."""

    path: str
    function: str = ""


@dataclass(frozen=True)
class Opaque:
    """A table function, or something else that cannot be followed."""

    words: str


@dataclass(frozen=True)
class Function:
    """A function that is called, DuckDB's own or one of the database."""

    name: str
    schema: str = ""


@dataclass(frozen=True)
class Type:
    """A type, DuckDB's own or one of the database."""

    name: str
    schema: str = ""


Name = RelationName | File | Opaque | Function | Type


def names_in(tree: Any, parts: Sequence[dict[str, Any]]) -> Iterator[Name]:
    """What a parse tree, with all its `parts`, names, common table expressions in sight apart."""
    if any(part.get("type") in EXPRESSION_NODES or (part.get("cte_map") or {}).get("map") for part in parts):
        yield from _names_in_scopes(tree)
        return
    for part in parts:
        yield from _named_by(part, frozenset())


def _names_in_scopes(tree: Any) -> Iterator[Name]:
    """`names_in` for a tree with common table expressions."""
    waiting: list[tuple[Any, frozenset[str]]] = [(tree, frozenset())]
    while waiting:
        node, known = waiting.pop()
        if isinstance(node, list):
            waiting += [(part, known) for part in node if type(part) in BRANCHES]
            continue
        yield from _named_by(node, known)
        parts = [(key, part) for key, part in node.items() if type(part) in BRANCHES]
        if node.get("type") in EXPRESSION_NODES:
            inner = known | {str(node.get("cte_name")).lower()}
            waiting += [(part, known if key == "query" else inner) for key, part in parts]
            continue
        for entry in (node.get("cte_map") or {}).get("map", []):
            waiting.append((entry["value"], known))
            known = known | {str(entry["key"]).lower()}
        waiting += [(part, known) for key, part in parts if key != "cte_map"]


def _named_by(node: dict[str, Any], known: frozenset[str]) -> Iterator[Name]:
    """What a node of the tree names itself, where these common table expressions are in sight."""
    kind = node.get("type")
    if kind == "SHOW_REF":
        yield from _shown(node)
    if kind == "BASE_TABLE" or node.get("show_type") == "SHOW":
        name, schema, database = (node.get(f"{part}_name") or None for part in ("table", "schema", "catalog"))
        if schema is not None or str(name).lower() not in known:
            yield RelationName(str(name), schema, database)
    elif kind == "TABLE_FUNCTION":
        yield from _function(node["function"])
    elif node.get("class") == "FUNCTION" or kind == "WINDOW_AGGREGATE":  # other windows are no functions of their own
        yield Function(str(node.get("function_name")), str(node.get("schema") or ""))
    elif node.get("class") == "TYPE":
        yield Type(str(node.get("type_name")), str(node.get("schema") or ""))
    elif node.get("pivot_enum"):
        yield Type(str(node["pivot_enum"]))
    elif kind == "USER_TYPE_INFO":  # in 1.4
        yield Type(str(node.get("user_type_name")), str(node.get("schema") or ""))


def with_objects(text: str) -> tuple[Any, list[dict[str, Any]]]:
    """What a text in JSON says, and all mappings in there, each after those in it. Raises RecursionError."""
    found: list[dict[str, Any]] = []

    def note(each: dict[str, Any]) -> dict[str, Any]:
        found.append(each)
        return each

    return json.loads(text, object_hook=note), found


def objects(tree: Any) -> list[dict[str, Any]]:
    """All mappings in a tree of JSON, each before those in it."""
    found: list[dict[str, Any]] = []
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            found.append(node)
            parts = [part for part in node.values() if type(part) in BRANCHES]
        else:
            parts = [part for part in node or () if type(part) in BRANCHES]
        waiting += reversed(parts)
    return found


def names_columns(tree: Any, parts: Sequence[dict[str, Any]]) -> bool:
    """Whether one query, with all its `parts`, names each column that it reads: there is no `*`, and nothing goes by a
    column's position."""
    queries = any(part.get("class") == "SUBQUERY" for part in parts)
    return len(tree.get("statements") or ()) == 1 and not any(
        node.get("class") in ("STAR", "POSITIONAL_REFERENCE")
        or node.get("type") in ("PIVOT", "SHOW_REF")
        or node.get("ref_type") == "NATURAL"
        or node.get("column_name_alias")
        or (queries and node.get("class") == "FUNCTION" and not node.get("is_operator") and _is_given_a_query(node))
        for node in parts
    )


def _is_given_a_query(function: dict[str, Any]) -> bool:
    """Whether a query is among the arguments. The bound plan of `typeof((SELECT ...))` holds nothing but the result."""
    return any(node.get("class") == "SUBQUERY" for node in objects(function))


def _function(function: dict[str, Any]) -> Iterator[File | Opaque]:
    """What a table function reads."""
    name = str(function.get("function_name")).lower()
    if name in CLOSED_FUNCTIONS:
        return
    literals = first_literals(function) if name in FILE_FUNCTIONS else None
    if literals is None:
        yield Opaque(f"{function['schema']}.{name}()".lower() if function.get("schema") else f"{name}()")
    else:
        yield from (File(text_of(literal), name) for literal in literals)


def _shown(show: dict[str, Any]) -> Iterator[Opaque]:
    """What DESCRIBE or SHOW tells of the catalogue, which is given the name of a table that never exists for a list."""
    if show.get("show_type") == "SUMMARY":
        return
    if show.get("query") or show.get("show_type") == "SHOW":
        yield Opaque(KEYS)
    else:
        name = str(show.get("table_name") or f"tables from {show.get('schema_name')}").strip('"')
        yield Opaque(f"show {'all tables' if name == EVERYTHING else name}")


def first_literals(function: dict[str, Any]) -> list[dict[str, Any]] | None:
    """The string, or the list of strings, that a function is called with first; None if it is an expression."""
    arguments = function.get("children") or function.get("arguments") or []
    first = arguments[0].get("expression", arguments[0]) if arguments else {}
    if first.get("class") == "FUNCTION" and first.get("function_name") == "list_value":
        items = [first_literals({"children": [item]}) for item in first.get("children") or first.get("arguments") or []]
        return None if None in items else [literal for item in items for literal in item or ()]
    return [first] if isinstance(text_of(first), str) else None


def text_of(literal: dict[str, Any]) -> Any:
    """What a literal stands for."""
    return (literal.get("value") or {}).get("value", (literal.get("literal") or {}).get("text"))
