"""What a query reads by name, from its parse tree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from fftcas.engines.base import EngineError, Reads
from fftcas.engines.duckdb.built_in import BuiltIn
from fftcas.engines.duckdb.pivots import pivoted_on_nothing
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
OF_THE_CATALOGUE = frozenset({None, "main", "system"})
"""Where else views of the catalogue are found."""


@dataclass(frozen=True)
class Parsed:
    """A query's parse tree as DuckDB gives it, or what it says of the error; and all mappings in there.

    `text` is what was parsed: DuckDB gives no tree of a PIVOT without IN, but of what reads the same. `too_deep` is one
    that Python's reader of JSON does not get to the bottom of: there is nothing of it.
    """

    sql: str
    text: str
    tree: Any
    objects: list[dict[str, Any]]
    too_deep: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether there is a tree, and of the very query."""
        return not (self.too_deep or self.tree.get("error")) and self.text == self.sql


def parse(connection: duckdb.DuckDBPyConnection, queries: Sequence[str]) -> list[Parsed]:
    """The parse trees of some queries. Raises duckdb.Error."""
    found = {parsed.sql: parsed for parsed in _parsed(connection, {sql: sql for sql in queries})}
    others = {sql: pivoted_on_nothing(sql) for sql, parsed in found.items() if _is_unknown(parsed)}
    if others:
        found |= {parsed.sql: parsed for parsed in _parsed(connection, others) if not parsed.tree.get("error")}
    return [found[sql] for sql in queries]


def _parsed(connection: duckdb.DuckDBPyConnection, texts: Mapping[str, str]) -> Iterator[Parsed]:
    """The parse trees of the texts that stand for queries."""
    rows = connection.execute("SELECT json_serialize_sql(unnest(?::VARCHAR[]))", [list(texts.values())]).fetchall()
    for (sql, text), (tree,) in zip(texts.items(), rows, strict=True):
        try:
            yield Parsed(sql, text, *with_objects(tree))
        except RecursionError:
            yield Parsed(sql, text, {}, [], too_deep=True)


def _is_unknown(parsed: Parsed) -> bool:
    """Whether DuckDB parses the query, and gives no tree of it."""
    return bool(parsed.tree.get("error")) and parsed.tree.get("error_type") == "not implemented"


def reads(parsed: Parsed, built_in: BuiltIn) -> Reads:
    """The relations and files that a query names, from its parse tree. Raises EngineError."""
    tree = parsed.tree
    if parsed.too_deep:
        return Reads(frozenset(), frozenset(), frozenset({"what it reads (it is nested too deeply)"}))
    if _is_unknown(parsed):
        return Reads(frozenset(), frozenset(), frozenset({"what it reads (DuckDB gives no parse tree)"}))
    if tree.get("error"):
        raise EngineError(str(tree.get("error_message", "the statement does not parse")))
    names = set(names_in(tree, parsed.objects))
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
        elif _is_of_catalogue(name, built_in):
            opaque.add(str(name))
        else:
            relations.add(name)
    functions = {name.function for name in names if isinstance(name, File)}
    dated = {name.path for name in names if isinstance(name, File) and name.function in DATED_FUNCTIONS}
    return Reads(
        frozenset(relations),
        frozenset(files),
        frozenset(opaque),
        names_columns=not opaque and parsed.is_whole and names_columns(tree, parsed.objects),
        one_query=parsed.is_whole and len(tree["statements"]) == 1 and not writes(parsed),
        dated=frozenset() if not dated or _leaves_out(parsed, "last_modified") else frozenset(dated & files),
        tells_paths=_tells_paths(parsed, functions),
    )


def _tells_paths(parsed: Parsed, functions: set[str]) -> bool:
    """Whether a query that calls these functions, if it reads files, may give something of their paths."""
    if _says(parsed, "filename") or not functions.isdisjoint(TELLING_FUNCTIONS):
        return True
    return not functions.isdisjoint(DATED_FUNCTIONS) and not _leaves_out(parsed, "filename")


def _leaves_out(parsed: Parsed, column: str) -> bool:
    """Whether a query of files that come with this column gives nothing of it: it names each column, but not this one,
    nor whole rows."""
    parts = parsed.objects
    rows = {str(f.get("alias") or f["function"]["function_name"]).lower() for f in parts if "function" in f}
    words = {str(part["column_names"][-1]).lower() for part in parts if part.get("class") == "COLUMN_REF"}
    named = parsed.is_whole and names_columns(parsed.tree, parts)
    return named and not _says(parsed, column) and rows.isdisjoint(words)


def _says(parsed: Parsed, word: str) -> bool:
    """Whether a word stands in a query as a name, of an argument or column, or as a string; where there is no tree of
    the very query, anywhere."""
    anywhere = word in parsed.sql.lower()
    if not (anywhere and parsed.is_whole):
        return anywhere
    values = (value for part in parsed.objects for value in part.values())
    names = (name for value in values for name in (value if isinstance(value, list) else (value,)))
    return any(isinstance(name, str) and name.lower() == word for name in names)


def _own(name: Function | Type, built_in: BuiltIn) -> set[str]:
    """The words for a function or type that DuckDB does not bring along: the database's own, which may change."""
    words = (f"{name.schema}.{name.name}" if name.schema else name.name).lower()
    if isinstance(name, Function):
        return set() if name.name.lower() in built_in.functions else {f"{words}()"}
    return set() if name.name.lower() in built_in.types else {f"the type {words}"}


def _is_of_catalogue(name: RelationName, built_in: BuiltIn) -> bool:
    """Whether the name finds a view of the database's own catalogue."""
    schema = name.schema and name.schema.lower()
    return schema in CATALOGUES or (schema in OF_THE_CATALOGUE and name.name.lower() in built_in.views)


def writes(parsed: Parsed) -> bool:
    """Whether a common table expression changes a table, or may do so: DuckDB 2 takes such a text for a query."""
    return parsed.too_deep or any(str(each.get("type")).endswith("_QUERY_NODE") for each in parsed.objects)
