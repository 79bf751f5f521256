"""What a query reads by name, from its parse tree, or from its tokens where DuckDB gives no tree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from fftcas.engines.base import EngineError, Reads
from fftcas.engines.duckdb.built_in import BuiltIn
from fftcas.engines.duckdb.loose_references import loose_names
from fftcas.engines.duckdb.references import (
    DATED_FUNCTIONS,
    TELLING_FUNCTIONS,
    File,
    Function,
    Opaque,
    Type,
    names_columns,
    names_in,
    with_objects,
)
from fftcas.relation import RelationName

CATALOGUES = frozenset({"information_schema", "pg_catalog"})


@dataclass(frozen=True)
class Parsed:
    """A query's parse tree as DuckDB gives it, or what it says of the error; and all mappings in there.

    `too_deep` is one that Python's reader of JSON does not get to the bottom of: there is nothing of it.
    """

    sql: str
    tree: Any
    objects: list[dict[str, Any]]
    too_deep: bool = False


def parse(connection: duckdb.DuckDBPyConnection, queries: Sequence[str]) -> list[Parsed]:
    """The parse trees of some queries. Raises duckdb.Error."""
    rows = connection.execute("SELECT json_serialize_sql(unnest(?::VARCHAR[]))", [list(queries)]).fetchall()
    return [_parsed(sql, text) for sql, (text,) in zip(queries, rows, strict=True)]


def _parsed(sql: str, tree: str) -> Parsed:
    try:
        return Parsed(sql, *with_objects(tree))
    except RecursionError:
        return Parsed(sql, {}, [], too_deep=True)


def reads(parsed: Parsed, built_in: BuiltIn) -> Reads:
    """The relations and files that a query names, from its parse tree. Raises EngineError.

    DuckDB gives no tree for what is no single SELECT to it, as PIVOT without IN: there, the text's tokens have to do.
    """
    tree, sql = parsed.tree, parsed.sql
    if parsed.too_deep:
        return Reads(frozenset(), frozenset(), frozenset({"what it reads (it is nested too deeply)"}))
    if tree.get("error") and tree.get("error_type") != "not implemented":
        raise EngineError(str(tree.get("error_message", "the statement does not parse")))
    names = set(loose_names(sql) if tree.get("error") else names_in(tree, parsed.objects))
    relations: set[RelationName] = set()
    files: set[str] = set()
    opaque: set[str] = set()
    for name in names:
        if isinstance(name, RelationName) and "://" in name.name:
            name = File(name.name)
        if isinstance(name, Function | Type):
            opaque |= _own(name, built_in)
        elif isinstance(name, Opaque):
            opaque.add(name.words)
        elif isinstance(name, File):
            (opaque if "://" in name.path else files).add(name.path)
        elif str(name.schema).lower() in CATALOGUES or (name.schema is None and name.name.lower() in built_in.views):
            opaque.add(str(name))
        else:
            relations.add(name)
    functions = {name.function for name in names if isinstance(name, File)}
    tells_paths = "filename" in sql.lower() or not functions.isdisjoint(TELLING_FUNCTIONS)
    dated = {name.path for name in names if isinstance(name, File) and name.function in DATED_FUNCTIONS}
    return Reads(
        frozenset(relations),
        frozenset(files),
        frozenset(opaque),
        names_columns=not opaque and names_columns(tree, parsed.objects),
        one_query=not tree.get("error") and len(tree["statements"]) == 1 and not writes(parsed),
        dated=frozenset() if not dated or _timeless(parsed) else frozenset(dated & files),
        tells_paths=tells_paths,
    )


def _timeless(parsed: Parsed) -> bool:
    """Whether a query of files that come with the time when they were written gives nothing of that: it names each
    column, but not this one, nor whole rows."""
    parts = parsed.objects
    rows = {str(f.get("alias") or f["function"]["function_name"]).lower() for f in parts if "function" in f}
    words = {str(part["column_names"][-1]).lower() for part in parts if part.get("class") == "COLUMN_REF"}
    return names_columns(parsed.tree, parts) and "last_modified" not in parsed.sql.lower() and rows.isdisjoint(words)


def _own(name: Function | Type, built_in: BuiltIn) -> set[str]:
    """The words for a function or type that DuckDB does not bring along: the database's own, which may change."""
    words = (f"{name.schema}.{name.name}" if name.schema else name.name).lower()
    if isinstance(name, Function):
        return set() if name.name.lower() in built_in.functions else {f"{words}()"}
    return set() if name.name.lower() in built_in.types else {f"the type {words}"}


def writes(parsed: Parsed) -> bool:
    """Whether a common table expression changes a table, or may do so: DuckDB 2 takes such a text for a query."""
    return parsed.too_deep or any(str(each.get("type")).endswith("_QUERY_NODE") for each in parsed.objects)
